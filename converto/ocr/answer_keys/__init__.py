"""Answer keys: what a document tells in a form that needs no guessing, such as its bank barcode or an e-invoice inside it."""
