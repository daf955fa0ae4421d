"""Viewers and the one question: may this viewer do that?"""
