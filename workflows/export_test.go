package workflows

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/workflows/value"
)

func TestExport(t *testing.T) {
	t.Parallel()
	doc := value.MustParse(minimal)
	stored := doc.With("_id", value.String("x")).With("encodingVersion", value.Int(1)).With("errors", value.Array()).
		With("namespace", value.Object()).With("warnings", value.Array())
	w, _ := Parse(stored)
	if got := w.Export(); got.String() != doc.String() {
		t.Errorf("export (-want +got):\n%s", cmp.Diff(doc.String(), got.String()))
	}
}

func TestNormalise(t *testing.T) {
	t.Parallel()
	doc := value.MustParse(minimal)
	tokens := []string{"transitions", "workflow_end"}
	w, _ := Parse(doc.WithPath(tokens, value.Absent))
	got := w.Normalise(nil)
	if !value.Equal(got.Get("transitions"), doc.Get("transitions")) {
		t.Errorf("transitions %s", got.Get("transitions"))
	}
	if diff := cmp.Diff([]string{"host"}, got.Path("inputSchema", "properties").Keys()); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	own := value.MustParse(`{"type":"object","properties":{"other":{}}}`)
	w, _ = Parse(doc.With("inputSchema", own).With("outputSchema", own))
	if got := w.Normalise(nil).Get("inputSchema"); !value.Equal(got, own) {
		t.Errorf("the supplied schema became %s", got)
	}
}

func TestRevision(t *testing.T) {
	t.Parallel()
	doc := value.MustParse(minimal)
	revision := func(doc value.Value) string {
		w, _ := Parse(doc)
		return w.Revision()
	}
	base := revision(doc)
	set := func(text string, path ...string) value.Value { return doc.WithPath(path, value.MustParse(text)) }
	var turned value.Members
	for i := doc.Len() - 1; i >= 0; i-- {
		turned.Set(doc.Keys()[i], doc.At(i))
	}
	for name, same := range map[string]value.Value{
		"order of members": turned.Value(),
		"place":            set(`{"x":1,"y":2}`, "tasks", "a1", "nodeLocation"),
		"left-over keys":   set(`{}`, "transitions", "aaaa"),
		"server fields":    set(`"1"`, "_id"),
		"stamp":            set(`"2026"`, "last_updated"),
	} {
		if revision(same) != base {
			t.Errorf("%s: the revision changed", name)
		}
	}
	for name, other := range map[string]value.Value{
		"description": set(`"x"`, "description"),
		"parameter":   set(`"x"`, "tasks", "a1", "variables", "incoming", "query"),
		"state":       set(`"failure"`, "transitions", "a1", "workflow_end", "state"),
		"unknown":     set(`1`, "tasks", "a1", "new"),
	} {
		if revision(other) == base {
			t.Errorf("%s: the revision stayed", name)
		}
	}
	if a, b := revision(set(`1.0`, "sla")), revision(set(`1`, "sla")); a != b {
		t.Error("1.0 and 1 give different revisions")
	}
}

func TestExport_corpus(t *testing.T) {
	t.Parallel()
	for name, doc := range corpusWorkflows(t) {
		w, problems := Parse(doc)
		if len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
		if got := w.Export(); got.String() != doc.String() {
			t.Errorf("%s: the export is not the document", name)
		}
		again, _ := Parse(value.MustParse(doc.String()))
		if again.Revision() != w.Revision() {
			t.Errorf("%s: the revision is not stable", name)
		}
	}
}
