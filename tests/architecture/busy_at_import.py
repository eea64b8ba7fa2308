"""A module as none may be: it opens a file and a socket, and starts a thread, when it is imported."""

import os
import socket
import threading
from pathlib import Path

with Path(os.devnull).open("w") as nowhere:
    nowhere.write("")
socket.socket().close()
threading.Thread(target=threading.Event().wait, daemon=True).start()
