"""PutRecords over HTTP in this process: enough of Kinesis for boto3 in another process, with scripted answers."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from ctc.codec import unpack

Answer = tuple[int, dict[str, Any]]


class FakeKinesis:
    """`script(call number, stream, entries)` may return an answer of its own (status, body) or indexes to refuse."""

    def __init__(self, script: Callable[[int, str, list[dict[str, str]]], Any] | None = None) -> None:
        self.taken: list[tuple[str, str, bytes]] = []
        self.calls: list[int] = []
        self._script = script
        self._lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = fake.answer(body["StreamName"], body["Records"])
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, stream: str, entries: list[dict[str, str]]) -> Answer:
        with self._lock:
            self.calls.append(len(entries))
            verdict = self._script(len(self.calls), stream, entries) if self._script else None
            if isinstance(verdict, tuple):
                return verdict
            refused = verdict or set()
            for index, entry in enumerate(entries):
                if index not in refused:
                    self.taken.append((stream, entry["PartitionKey"], base64.b64decode(entry["Data"])))
            slow = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}
            took = {"SequenceNumber": "1", "ShardId": "shardId-0"}
            return 200, {"FailedRecordCount": len(refused), "Records": [slow if i in refused else took for i in range(len(entries))]}

    def lines(self, stream: str) -> list[Any]:
        """Every line of a stream as JSON, in the order taken."""
        return [json.loads(line) for name, _, data in list(self.taken) if name == stream for line in unpack(data).splitlines()]
