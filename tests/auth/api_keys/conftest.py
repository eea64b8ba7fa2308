from tests.auth.staff import office

__all__ = ["office"]
