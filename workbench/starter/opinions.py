"""English opinion words for the sample reviews: general ones, and ones that fit a kind of thing; good beside bad.

The starter model never saw most of them: the sample is for the English encoder, which knows English already.
"""

from __future__ import annotations

from workbench.starter.world import held_out


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("/") if part.strip())


THINGS: dict[str, tuple[str, ...]] = {
    "film": _list("plot/cast/script/soundtrack/ending/camera work/dialogue"),
    "restaurant": _list("soup/curry/dessert/bread/sauce/coffee/salad"),
    "hotel": _list("room/bed/lobby/breakfast/terrace/bathroom/pool"),
    "product": _list("kettle/headset/backpack/blender/lamp/keyboard/chair"),
}
GOOD: dict[str, tuple[str, ...]] = {
    "any": _list(
        "superb/wonderful/excellent/lovely/brilliant/delightful/outstanding/terrific/marvellous/splendid/first-rate/"
        "charming/impressive/magnificent/fabulous/fantastic/amazing/great/perfect/admirable/stunning/exceptional/"
        "remarkable/pleasing/satisfying/flawless/glorious/top-notch/praiseworthy/a joy/a real treat/a triumph/"
        "a pleasant surprise/beyond our hopes/worth every penny/second to none/a breath of fresh air/the best in years"
    ),
    "film": _list(
        "gripping/moving/witty/hilarious/touching/clever/enthralling/suspenseful/imaginative/heartfelt/captivating/"
        "thrilling/unforgettable/inspired/sharp/poetic/exciting/masterly"
    ),
    "restaurant": _list(
        "tasty/delicious/fresh/fragrant/juicy/mouth-watering/flavourful/creamy/crisp/scrumptious/well seasoned/"
        "tender/appetising/wholesome/home-made and generous/full of flavour/silky/cooked to a turn"
    ),
    "hotel": _list(
        "spotless/cosy/comfortable/spacious/peaceful/elegant/welcoming/airy/luxurious/inviting/relaxing/bright/"
        "tidy/warm/gleaming/stylish/kept with care/like a second home"
    ),
    "product": _list(
        "sturdy/reliable/handy/durable/efficient/ingenious/well built/practical/sleek/solid/user-friendly/dependable/"
        "versatile/effortless to use/thoughtfully designed/built to last/lightweight and strong/precise"
    ),
}  # fmt: skip
BAD: dict[str, tuple[str, ...]] = {
    "any": _list(
        "awful/terrible/dreadful/horrible/disappointing/lousy/mediocre/poor/pathetic/appalling/second-rate/"
        "atrocious/pitiful/shameful/abysmal/ghastly/unbearable/bad/useless/laughable/wretched/unacceptable/"
        "infuriating/frustrating/annoying/hopeless/disastrous/substandard/regrettable/a letdown/a complete mess/a failure/"
        "a nasty shock/below any standard/a waste of money/an insult/a sorry sight/the worst in ages"
    ),
    "film": _list(
        "boring/tedious/predictable/silly/dull/shallow/clumsy/confusing/lifeless/tiresome/pretentious/"
        "incoherent/forgettable/wooden/corny/tasteless/monotonous/amateurish"
    ),
    "restaurant": _list(
        "bland/stale/soggy/greasy/burnt/rancid/watery/inedible/mushy/revolting/far too salty/"
        "rubbery/unappetising/mouldy/overpriced and tiny/lacking any flavour/lumpy/half raw"
    ),
    "hotel": _list(
        "filthy/cramped/noisy/shabby/gloomy/smelly/dirty/damp/draughty/unwelcoming/depressing/dingy/"
        "stained/freezing/grimy/run-down/full of dust/like a prison cell"
    ),
    "product": _list(
        "flimsy/unreliable/fiddly/fragile/faulty/defective/badly made/impractical/ugly/wobbly/cumbersome/worthless/"
        "broken on arrival/impossible to use/carelessly designed/ready to fall apart/heavy and weak/inaccurate"
    ),
}  # fmt: skip
# Sentences that judge the whole; the two columns hold the same number.
GOOD_SAYINGS = _list(
    "I would come back tomorrow./It won us over./We could not stop smiling./My whole family adored it./I cannot praise it enough./"
    "It made my week./We loved every minute./I recommend it warmly./It deserves all the stars./Hats off to them./"
    "It put us in high spirits./I am thrilled with it./You will be glad you chose it./It did everything right."
)
BAD_SAYINGS = _list(
    "I would not go near it again./It drove us mad./We could not wait to leave it behind./My whole family hated it./I cannot warn you enough./"
    "It ruined my week./We regretted every minute./I advise against it strongly./It does not deserve a single star./Shame on them./"
    "It put us in a foul mood./I am fed up with it./You will be sorry you chose it./It did everything wrong."
)


def words(positive: bool, domain: str, held: bool) -> list[str]:
    """The opinion words of one side that are (or are not) kept for the held-out rows; no domain: only those that fit anything."""
    table = GOOD if positive else BAD
    return [word for word in (*table["any"], *table.get(domain, ())) if held_out("opinion", word, one_in=3) == held]


def sayings(positive: bool, held: bool) -> list[str]:
    """Whole sentences of one side; both sides give up the same places of their columns, as they answer one another."""
    return [text for place, text in enumerate(GOOD_SAYINGS if positive else BAD_SAYINGS) if (place % 3 == 0) == held]
