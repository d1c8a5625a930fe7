package runner

import (
	"testing"

	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/store"
)

// Examine is the doctor's look at a store; the tests outside of the package set it, because package doctor
// imports this one.
var Examine func(*testing.T, store.Store, *library.Library)
