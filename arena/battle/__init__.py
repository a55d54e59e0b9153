"""Battles without a page: from a prompt to the reveal.

`battles` is the whole way: `admission` says what may be asked, `draws` which pair comes, `failing`
who fails too often to be drawn, `known` who is in the record, `turns` what becomes of a turn,
`streaming` runs one, `responding` has models respond, and `views` is all that a page may know.
Pages, boards and the vote log are not known here.
"""
