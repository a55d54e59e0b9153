"""Heat maps: what they show (`heat`), the script that draws them (`heat.js`), and `files`.

Where the numbers come from is not known here.
"""
