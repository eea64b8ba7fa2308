import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("CONVERTO_VAT_VIES_ALLOWED_NETWORKS", "10.0.0.0/99", "VatSettings: vies_allowed_networks: Input is not a valid IPv4 network;"),
        ("CONVERTO_GATEWAY_CORS_ORIGINS", "https://a.fi, nonsense", "GatewaySettings: cors_origins: Value error, 'nonsense' is no origin"),
        ("CONVERTO_EVENTS_KEEP_DAYS", "0", "Settings: events_keep_days: Input should be greater than or equal to 1"),
    ],
)
def test_a_setting_that_is_wrong_is_named_in_one_line(tmp_path: Path, name: str, given: str, said: str) -> None:
    environment = {**os.environ, "CONVERTO_DATA_DIR": str(tmp_path), name: given}
    command = [sys.executable, "-m", "converto", "serve", "--port", "0"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"converto: {said}")
    assert done.stderr.count("\n") == 1
