"""The HTTP API (PRD, API): `create_app` in `ctc.api.app`, served by `python -m ctc.api` or Lambda."""
