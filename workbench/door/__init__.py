"""Who may come in, and for what: roles and rules, accounts, the guard before every route, links for guests. Nothing of the page is known here."""
