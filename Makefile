# Each target is one call of Python; what it does stands in platform/launch/.
SETUP := @python3 -I platform/launch/bootstrap.py

help: ## this list
	$(SETUP) help
run: ## set up what is missing, start the platform, deploy the sample app once, watch (ARGS=--detach returns)
	$(SETUP) run -m launch run $(ARGS)
stop: ## end the platform and keep its data
	$(SETUP) none -m launch stop
clean: ## end the platform and remove everything of this checkout's namespace
	$(SETUP) none -m launch clean
status: ## what runs, since when, and where
	$(SETUP) none -m launch status
doctor: ## check every part, and say how to mend what is broken
	$(SETUP) run -m launch doctor
login: ## print a new one-time sign-in link for the operator
	$(SETUP) none -m launch login
logs: ## show and follow the logs of the platform's own processes (ARGS="web agent" for some)
	$(SETUP) none -m launch logs $(ARGS)
test: ## lint, types, unit tests, driver contracts and journeys, on a platform in namespaces of its own
	$(SETUP) test -m launch test-shell -- .venv/bin/python -m launch.testing $(ARGS)
lint: ## ruff, import rules and mypy alone
	$(SETUP) test -m launch.testing --only lint
test-shell: ## a shell in namespaces of its own, in which a second platform can run
	$(SETUP) test -m launch test-shell $(ARGS)
bench: ## measure what docs/performance.md says, on the running platform
	$(SETUP) run -m launch bench $(ARGS)

.PHONY: help run stop clean status doctor login logs test lint test-shell bench
.DEFAULT_GOAL := help
