"""What people can do to what runs. Each makes one Deploy row and kicks it when the transaction is through."""

from apps.deploys.actions.change import redeploy, restart, rollback, scale, set_config
from apps.deploys.actions.end import cancel, delete_app
from apps.deploys.actions.receive import push, upload

__all__ = ["cancel", "delete_app", "push", "redeploy", "restart", "rollback", "scale", "set_config", "upload"]
