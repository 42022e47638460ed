"""The page's components: each builds its Gradio parts and answers their events.

Gradio's types stay in this package. Handlers take a ``Visit`` and return HTML.
"""

__all__: list[str] = []
