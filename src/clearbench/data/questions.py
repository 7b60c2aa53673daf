"""The questions that CLEAR's layout leaves out: its image rows carry a caption or a name only."""

FACE_QUESTION = "The name of the person on the image is"

CAPTION_QUESTIONS = (
    "What can you see in this picture?",
    "Describe this picture.",
    "Tell me about the person in the image.",
)
