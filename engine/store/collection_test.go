package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

func schema(t *testing.T) *store.Schema {
	t.Helper()
	s, err := store.NewSchema(store.Collections)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCollection_IndexOf(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		collection, doc string
		want            map[string]any // of the fields that are not missing
	}{
		"root job": {store.Jobs, `{"_id":"j","name":"n","status":"running","ancestors":["j"],"groups":["b","a","b"],"tags":[],
			"metrics":{"start_time":1700000000000,"progress":0.5},"created":"2024-02-29T12:00:00.5Z","archived":false}`,
			map[string]any{"name": "n", "status": "running", "ancestors": []string{"j"}, "root": "j", "groups": []string{"a", "b"},
				"metrics.start_time": int64(1700000000000), "metrics.progress": 0.5, "created": int64(1709208000500), "archived": false,
				"live": true, "error": false}},
		"ended child": {store.Jobs, `{"status":"complete","ancestors":["r","j"],"parent":{"job":"r","task":"a1"},"error":[{"task":"job"}]}`,
			map[string]any{"status": "complete", "ancestors": []string{"j", "r"}, "root": "r", "parent.job": "r", "error": true}},
		"failed job still live": {store.Jobs, `{"status":"error","error":null}`,
			map[string]any{"status": "error", "live": true, "error": false}},
		"wrong types are missing": {store.Tasks, `{"name":5,"app":null,"job":"x","groups":["g",1],"metrics":{"start_time":1.5,"end_time":"soon"}}`,
			map[string]any{"groups": []string{"g"}}},
		"no object": {store.Tasks, `[]`, map[string]any{}},
	} {
		c, err := schema(t).Collection(tc.collection)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]any{}
		for i, v := range c.IndexOf(value.MustParse(tc.doc)) {
			if v != nil {
				got[c.Fields[i].Name] = v
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

// FuzzCollection_IndexOf proves that whatever a document holds, its index
// values are accepted.
func FuzzCollection_IndexOf(f *testing.F) {
	f.Add(`{"name":"\u0000","created":1e300,"groups":["\ud800"],"metrics":{"start_time":-1e18,"progress":1e999}}`)
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := value.Parse([]byte(text))
		if err != nil {
			t.Skip("no document")
		}
		s := schema(t)
		for _, c := range s.All() {
			w := store.Write{Collection: c.Name, ID: "x", Body: []byte("{}"), Index: c.IndexOf(doc)}
			if _, err := s.CheckBatch(store.Batch{w}); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
	})
}

// TestCollection_IndexOf_declared takes a collection that went through no
// schema.
func TestCollection_IndexOf_declared(t *testing.T) {
	t.Parallel()
	c := store.Collection{Fields: []store.Field{{Name: "job._id", Type: store.Text}}}
	if got := c.IndexOf(value.MustParse(`{"job":{"_id":"j"}}`)); got[0] != "j" {
		t.Errorf("got %v, want j", got)
	}
}

func TestNewSchema_refuses(t *testing.T) {
	t.Parallel()
	fields := func(fs ...store.Field) []store.Collection { return []store.Collection{{Name: "c", Fields: fs}} }
	a, set := store.Field{Name: "a", Type: store.Text}, store.Field{Name: "set", Type: store.Texts}
	for want, cs := range map[string][]store.Collection{
		"no name":            {{}},
		"declared twice":     {{Name: "c"}, {Name: "c"}},
		`field "a" has no n`: fields(a, a),
		`"_id"`:              fields(store.Field{Name: "_id", Type: store.Text}),
		`"b" has no type`:    fields(store.Field{Name: "b"}),
		"cannot be unique":   fields(store.Field{Name: "set", Type: store.Texts, Unique: true}),
		"has no fields":      {{Name: "c", Indexes: []store.Index{store.By()}}},
		`no field "x"`:       {{Name: "c", Indexes: []store.Index{store.By("x")}}},
		"indexed alone":      {{Name: "c", Fields: []store.Field{a, set}, Indexes: []store.Index{store.By("set", "a")}}},
	} {
		if _, err := store.NewSchema(cs); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want ErrInvalid with %q", err, want)
		}
	}
}
