"""The engine without its shell: random plans, a world in which they are carried out, and a second opinion."""
