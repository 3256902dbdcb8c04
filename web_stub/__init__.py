"""The web: takes submissions, shows facts. It meets the agent in the store and the artifacts only.

- `app.py` puts it together; `server.py` serves it.
- `auth/` stands before every request: host, token, session, size, and the limit on guesses.
- `rest/` is the REST API under /api, `event_stream.py` its streams; `public_api/` is the API of the real instance.
- `pages/` and `assets/` are for people: templates and small ES modules, no build step.
- `resources/` declares the shapes that all of them show; `charts/` and `gallery/` compute some of their contents.
"""
