//go:build tools

// Package lifecycle only names the commands that go.sum must cover.
package lifecycle

import (
	_ "github.com/buildpacks/lifecycle/cmd/launcher"
	_ "github.com/buildpacks/lifecycle/cmd/lifecycle"
)
