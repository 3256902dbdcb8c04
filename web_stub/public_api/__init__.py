"""The public API under /public/api/v3, as the official clients speak it: one module per noun.

Every method is a POST whose name is the last part of the path (`images.bulk.add`); contract: web_api.md.
"""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
