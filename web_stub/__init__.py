"""The web: takes wishes, shows facts. It meets the agent in the store and the artifacts only.

- `app.py` puts it together; `server.py` serves it.
- `guard.py` stands before every request: host, token, session, size; `access.py` knows who may come in.
- `public_api/` is what official clients speak, under /public/api/v3: one module per noun.
- `rest/` is the REST API under /api, `live.py` its event streams, `charts.py` thins what a chart shows.
- `pages/` and `assets/` are what a person sees: templates and small ES modules, no build step.
"""
