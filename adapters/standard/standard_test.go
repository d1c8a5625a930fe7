package standard_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/standard"
	"github.com/heddlehq/heddle/schemas"
)

func TestKinds(t *testing.T) {
	t.Parallel()
	manifest, err := schemas.Named("adapter-manifest")
	if err != nil {
		t.Fatal(err)
	}
	kinds := standard.Kinds()
	if !slices.IsSortedFunc(kinds, func(a, b *adapters.Kind) int { return strings.Compare(a.App, b.App) }) {
		t.Error("not ordered by app")
	}
	for _, k := range kinds {
		m := k.Manifest()
		if violations := manifest.Check(m); len(violations) > 0 {
			t.Errorf("%s: %v", k.App, violations)
		}
		for _, method := range k.Catalog() {
			if method.Summary == "" {
				t.Errorf("%s.%s has no summary", k.App, method.Name)
			}
			for _, p := range method.Incoming {
				if p.Description == "" {
					t.Errorf("%s.%s: parameter %s has no description", k.App, method.Name, p.Name)
				}
			}
		}
	}
}
