"""As much of S3 as our documents need, in memory: a stand-in for a service that costs money, spoken to over a real socket."""

import re
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

BUCKET = "documents"


class S3:
    """One bucket. What it holds lies in `objects`."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.parts: dict[int, bytes] = {}
        self.routes = [
            Route(f"/{BUCKET}", self._bucket, methods=["GET", "POST"]),
            Route(f"/{BUCKET}/{{key:path}}", self._object, methods=["GET", "PUT", "POST", "DELETE"]),
        ]

    async def _bucket(self, request: Request) -> Response:
        if "delete" in request.query_params:
            keys = re.findall(r"<Key>(.*?)</Key>", (await request.body()).decode())
            for key in keys:
                self.objects.pop(key, None)
            return _xml("DeleteResult", "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys))
        prefix = request.query_params.get("prefix", "")
        found = [
            f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>e</ETag></Contents>"
            for key, content in self.objects.items()
            if key.startswith(prefix)
        ]
        return _xml("ListBucketResult", "<IsTruncated>false</IsTruncated>" + "".join(found))

    async def _object(self, request: Request) -> Response:
        key, asked, body = request.path_params["key"], request.query_params, await request.body()
        if request.method == "POST":  # a large object comes in parts
            return self._in_parts(key, begins="uploads" in asked)
        if request.method == "PUT":
            if "partNumber" in asked:
                self.parts[int(asked["partNumber"])] = body
            else:
                self.objects[key] = body
            return Response(headers={"etag": '"e"'})
        if key not in self.objects:
            return Response(_xml("Error", "<Code>NoSuchKey</Code>").body, status_code=404, media_type="application/xml")
        if request.method == "DELETE":
            del self.objects[key]
            return Response(status_code=204)
        return Response(self.objects[key], headers={"etag": '"e"', "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT"})

    def _in_parts(self, key: str, *, begins: bool) -> Response:
        if begins:
            self.parts.clear()
            return _xml("InitiateMultipartUploadResult", f"<Bucket>{BUCKET}</Bucket><Key>{escape(key)}</Key><UploadId>u</UploadId>")
        self.objects[key] = b"".join(self.parts[number] for number in sorted(self.parts))
        return _xml("CompleteMultipartUploadResult", f"<Bucket>{BUCKET}</Bucket><Key>{escape(key)}</Key><ETag>e</ETag>")


def _xml(element: str, content: str) -> Response:
    return Response(f'<?xml version="1.0" encoding="UTF-8"?><{element}>{content}</{element}>', media_type="application/xml")
