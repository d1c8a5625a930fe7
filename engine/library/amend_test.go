package library_test

import (
	"errors"
	"testing"

	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

func TestAmendProject(t *testing.T) {
	t.Parallel()
	st, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := library.New(library.Options{Store: st, Catalog: builtin.Catalog()})
	one, err := l.CreateProject(t.Context(), value.MustParse(`{"name":"One"}`), "ann")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.CreateProject(t.Context(), value.MustParse(`{"name":"Two"}`), "ann"); err != nil {
		t.Fatal(err)
	}
	got, err := l.AmendProject(t.Context(), one.ID(), value.MustParse(`{"description":"d","_id":"x","components":[1],"createdBy":"eve"}`), "bob")
	if err != nil {
		t.Fatal(err)
	}
	if got.ID() != one.ID() || got.Doc.Get("description").Text() != "d" || got.Doc.Get("components").Len() != 0 ||
		got.Doc.Get("createdBy").Text() != "ann" || got.Doc.Get("lastUpdatedBy").Text() != "bob" {
		t.Errorf("amended to %s", got.Doc)
	}
	if _, err := l.AmendProject(t.Context(), one.ID(), value.MustParse(`{"name":"Two"}`), "bob"); !errors.As(err, new(*library.ExistsError)) {
		t.Errorf("a taken name gives %v", err)
	}
	if _, err := l.AmendProject(t.Context(), "nothing", value.Object(), "bob"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown project gives %v", err)
	}
}

func TestTransform(t *testing.T) {
	t.Parallel()
	st, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := library.New(library.Options{Store: st, Catalog: builtin.Catalog()})
	doc := value.MustParse(`{"_id":"t","name":"T","incoming":[{"$id":"in"}],"outgoing":[{"$id":"out"}],"functions":[],
		"steps":[{"id":1,"type":"assign","context":"#","from":{"location":"incoming","name":"in","ptr":""},"to":{"location":"outgoing","name":"out","ptr":""}}]}`)
	if err := library.CheckTransformation(doc); err != nil {
		t.Fatal(err)
	}
	schema, err := store.NewSchema(store.Collections)
	if err != nil {
		t.Fatal(err)
	}
	c, err := schema.Collection(store.Transformations)
	if err != nil {
		t.Fatal(err)
	}
	write := store.Write{Collection: store.Transformations, ID: "t", Body: doc.AppendJSON(nil), Index: c.IndexOf(doc)}
	if err := st.Commit(t.Context(), store.Batch{write})[0]; err != nil {
		t.Fatal(err)
	}
	for payload, want := range map[string]string{`{"a":1}`: `{"out":{"a":1}}`, `{"in":2}`: `{"out":2}`} {
		got, err := l.Transform(t.Context(), "t", value.MustParse(payload))
		if err != nil || got.String() != want {
			t.Errorf("Transform(%s) = %s, %v, want %s", payload, got, err, want)
		}
	}
	if _, err := l.Transform(t.Context(), "nothing", value.Object()); !errors.Is(err, builtin.ErrNotFound) {
		t.Errorf("an unknown transformation gives %v", err)
	}
	invalid, ok := errors.AsType[*workflows.Invalid](library.CheckTransformation(value.MustParse(`{"name":"T","incoming":7}`)))
	if !ok || len(invalid.Problems) == 0 || invalid.Problems[0].Pointer == "" {
		t.Errorf("a wrong document gives %v", invalid)
	}
}
