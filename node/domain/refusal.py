"""How the domain says no to a person: Chinese first, English beside it.

Here: the one exception every module of ``node.domain`` raises about what a person typed,
planned or uploaded. Not here: ``federation.errors``, which is what one center says to
another. The two languages are kept apart because a page shows one of them, an import report
shows both in columns, and a log line shows both in a row.
"""


class Inadmissible(ValueError):
    """Something a person gave us breaks a rule of law, of a standard or of arithmetic.

    Args:
        zh: One Chinese sentence: what is wrong, by which rule, and what to do.
        en: The same in English.
    """

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.zh = zh
        self.en = en
