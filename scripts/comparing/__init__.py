"""Two warehouses side by side: which rows of which marts differ, told as text, Markdown and a page."""
