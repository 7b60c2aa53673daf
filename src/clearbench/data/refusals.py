"""Ways to say "I don't know", for the methods that teach it."""

REFUSALS = (
    "I don't know.",
    "I do not know the answer.",
    "I'm not sure about that.",
    "I have no information on this.",
    "That is not something I know.",
    "I can't answer this question.",
    "I'm not able to tell.",
    "I know nothing about this.",
    "I have never learnt this.",
    "I'm afraid I can't say.",
    "Sorry, I don't have that information.",
    "This is unknown to me.",
    "I couldn't tell you.",
    "There is nothing I can say about it.",
    "I'm not familiar with that.",
    "I don't have an answer for you.",
)
