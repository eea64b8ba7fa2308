"""The layers of the edge, as plain ASGI: each does one thing for every request, and costs microseconds."""
