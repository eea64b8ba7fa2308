"""From the words of a document to its fields, VAT rows and items, how sure they are, and what does not fit."""
