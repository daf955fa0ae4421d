"""Who people are: users, teams, memberships, invitations, tokens."""
