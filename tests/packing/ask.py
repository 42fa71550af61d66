"""FOLDER PATH...: the API function's handler, from the folder alone, is asked for each path; answers as JSON, one a line.

The path "" tells instead which loaded modules come from elsewhere than the folder and Python itself.
"""

import json
import sys
import sysconfig
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

FOLDER = str(Path(sys.argv[1]).resolve())
sys.path.insert(0, FOLDER)
from ctc.api.lambda_handler import handler  # noqa: E402 - the folder comes first


def event(url: str) -> dict[str, object]:
    """As API Gateway's REST API hands it over."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    return {
        "resource": "/{proxy+}",
        "path": parts.path,
        "httpMethod": "GET",
        "headers": {"Accept": "application/json", "Host": "api"},
        "multiValueHeaders": {"Accept": ["application/json"], "Host": ["api"]},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "requestContext": {"resourcePath": "/{proxy+}", "httpMethod": "GET", "stage": "v1", "identity": {"sourceIp": "192.0.2.1"}},
        "body": None,
        "isBase64Encoded": False,
    }


def elsewhere() -> list[str]:
    """Files of loaded modules that are neither below the folder nor Python's own."""
    own = (FOLDER, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), __file__)
    files = {str(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    return sorted(file for file in files if not file.startswith(own) or "site-packages" in file)


for path in sys.argv[2:]:
    if not path:
        print(json.dumps({"from_elsewhere": elsewhere()}))
        continue
    answer = handler(event(path), None)
    print(json.dumps({"status": answer["statusCode"], "body": answer["body"]}))
