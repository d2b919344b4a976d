"""The page. gradio is imported only here; torch never."""
