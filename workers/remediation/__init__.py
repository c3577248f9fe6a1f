"""What becomes of a proposal: asked, clicked, watched, lapsed, ended. The loop's stage `act` does it."""
