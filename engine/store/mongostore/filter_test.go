package mongostore

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/heddlehq/heddle/engine/store"
)

func TestMember(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for field, want := range map[string]string{
		"_id": "_id", "name": "name", "metrics.start_time": "metrics:start_time", "a:b": "a%3Ab", "a%3Ab": "a%253Ab",
		"$where": "%24where", "a$b": "a%24b", "_hidden": "%5Fhidden", "plain set": "plain set", "nul\x00": "nul%00",
		"revision": "%revision", "body": "%body", "%body": "%25body", "née": "née",
	} {
		got := member(field)
		if got != want {
			t.Errorf("%q is stored as %q, want %q", field, got, want)
		}
		if seen[got] != "" {
			t.Errorf("%q and %q are both stored as %q", field, seen[got], got)
		}
		seen[got] = field
	}
}

// FuzzQuote compares the expressions with the port's own idea of a match.
// Go's engine reads what they are made of as MongoDB's does.
func FuzzQuote(f *testing.F) {
	f.Add("Upgrade Router", "rout")
	f.Add("ſK\x00ß.*", "\x00SS")
	f.Add("100% _sure_ $ \\ [a-z]^", "_SURE_ $ \\ [A")
	f.Fuzz(func(t *testing.T, text, needle string) {
		text, needle = strings.ToValidUTF8(text, "?"), strings.ToValidUTF8(needle, "?")
		contains, err := regexp.Compile(quote(store.Fold(needle), true))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := contains.MatchString(text), store.ContainsFold(text, store.Fold(needle)); got != want {
			t.Errorf("%q contains %q: %v, want %v by %s", text, needle, got, want, contains)
		}
		ends, err := regexp.Compile(quote(needle, false) + `\z`)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := ends.MatchString(text), strings.HasSuffix(text, needle); got != want {
			t.Errorf("%q ends with %q: %v, want %v by %s", text, needle, got, want, ends)
		}
	})
}

func FuzzPrefix(f *testing.F) {
	f.Add("alphabet", "alpha")
	f.Add("a\U0010ffff\U0010ffffz", "a\U0010ffff")
	f.Add("\ue000", "\ud7ff")
	f.Fuzz(func(t *testing.T, text, start string) {
		text, start = strings.ToValidUTF8(text, "?"), strings.ToValidUTF8(start, "?")
		got := true
		for _, bound := range prefix("f", start)[0].Value.(bson.D) {
			switch to := bound.Value.(string); bound.Key {
			case "$gte":
				got = got && text >= to
			case "$lt":
				got = got && text < to
			}
		}
		if want := strings.HasPrefix(text, start); got != want {
			t.Errorf("%q begins with %q: %v, want %v by %v", text, start, got, want, prefix("f", start))
		}
	})
}

func TestFilter_longText(t *testing.T) {
	t.Parallel()
	table := newTable(declared(t, store.Collection{Name: "c", Fields: []store.Field{{Name: "f", Type: store.Text}}}), nil)
	long := strings.Repeat("x", maxPattern+1)
	for _, op := range []store.Op{store.Contains, store.EndsWith, store.StartsWith, store.Eq} {
		_, err := table.filter(store.Compare{Field: "f", Op: op, Value: long})
		if refused := op == store.Contains || op == store.EndsWith; errors.Is(err, store.ErrInvalid) != refused {
			t.Errorf("%s a text of %d bytes: %v", op, len(long), err)
		}
	}
}

func declared(t *testing.T, c store.Collection) *store.Collection {
	t.Helper()
	s, err := store.NewSchema([]store.Collection{c})
	if err != nil {
		t.Fatal(err)
	}
	return s.All()[0]
}
