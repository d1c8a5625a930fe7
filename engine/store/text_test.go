package store_test

import (
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine/store"
)

func TestContainsFold(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text, needle string
		want         bool
	}{
		{"", "", true},
		{"x", "", true},
		{"", "x", false},
		{"Upgrade Router", "ROUTER", true},
		{"Upgrade Router", "routers", false},
		{"aab", "AB", true},
		{"ÉLAN", "élan", true},
		{"Στάσις", "ΣΤΆΣΙΣ", true},
		{"K", "k", true}, // the Kelvin sign
		{"straße", "STRASSE", false},
		{"a\x00B", "\x00b", true},
		{"日本", "本", true},
	} {
		if got := store.ContainsFold(tc.text, store.Fold(tc.needle)); got != tc.want {
			t.Errorf("%q contains %q: %v, want %v", tc.text, tc.needle, got, tc.want)
		}
	}
}

func FuzzContainsFold(f *testing.F) {
	f.Add("Upgrade Router", "rout")
	f.Add("ſK\xffß", "\xff")
	f.Fuzz(func(t *testing.T, text, needle string) {
		text, needle = strings.ToValidUTF8(text, "?"), strings.ToValidUTF8(needle, "?")
		want := strings.Contains(store.Fold(text), store.Fold(needle))
		if got := store.ContainsFold(text, store.Fold(needle)); got != want {
			t.Errorf("%q contains %q: %v, want %v", text, needle, got, want)
		}
	})
}
