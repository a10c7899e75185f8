"""Versioned contracts of skills: what a schema is, and whether one release of it can stand beside another.

``image.py`` says what a schema is and ``rules.py`` what breaks between two of them; everything here is pure.
"""

from meshgate.registry.schemas.errors import BadSchema
from meshgate.registry.schemas.image import Image, load_image

__all__ = ["BadSchema", "Image", "load_image"]
