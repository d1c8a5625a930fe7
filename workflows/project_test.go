package workflows

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/workflows/value"
)

const (
	projectID = "0123456789abcdef01234567"
	otherID   = "fedcba9876543210fedcba98"
)

var transformation = `{"_id":"t1","name":"Shape","incoming":[{"$id":"a"}],"outgoing":[{"$id":"b"},{"$id":"c"}],"steps":[]}`

func exampleProject() value.Value {
	child := document(tasks{
		"a": {"childJob", `workflow="@` + projectID + `: Child"`},
		"b": {"transform", `tr_id="gone"`, `variableMap={"a":"$var.job.in"}`, `/variables/outgoing={"b":null,"c":null}`, `/summary="Shape"`},
	}, "S>a a>b b>E")
	component := func(iid int64, kind, ref string, doc value.Value) value.Value {
		return value.Object("iid", value.Int(iid), "reference", value.String(ref), "type", value.String(kind), "folder", value.String("/In"), "document", doc)
	}
	return value.Object(
		"_id", value.String(projectID), "name", value.String("Example"), "created", value.String("2026-01-01T00:00:00.000Z"),
		"components", value.Array(
			component(0, "workflow", "w1", child),
			component(1, "transformation", "t1", value.MustParse(transformation)),
			component(2, "mopCommandTemplate", "@"+projectID+": Checks", value.MustParse(`{"name":"Checks","commands":[]}`)),
			component(3, "hologram", "h1", value.MustParse(`{"title":"kept"}`)),
		),
		"folders", value.MustParse(`[{"nodeType":"folder","name":"In","children":[{"nodeType":"component","iid":0},{"nodeType":"folder","name":"Deep","children":[]}]},{"nodeType":"component","iid":1}]`))
}

func TestParseProject(t *testing.T) {
	t.Parallel()
	doc := exampleProject()
	p, problems := ParseProject(doc)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got := p.Export(); got.String() != doc.String() {
		t.Errorf("export differs (-file +export):\n%s", cmp.Diff(doc.String(), got.String()))
	}
	want := []Folder{{Name: "In", Children: []Folder{{IID: 0}, {Name: "Deep"}}}, {IID: 1}}
	if diff := cmp.Diff(want, p.Folders); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
	registered := p.Components[0].Registered(projectID).Get("name").Text()
	if registered != "@"+projectID+": Test" {
		t.Errorf("the workflow is registered as %q", registered)
	}
	for _, tc := range []struct {
		kind ComponentType
		name string
		want bool
	}{
		{ComponentCommandTemplate, "@" + projectID + ": Checks", true},
		{ComponentTransformation, "t1", true},
		{ComponentTransformation, "w1", false},
		{ComponentWorkflow, "@" + otherID + ": Test", false},
		{ComponentWorkflow, "@" + projectID + ": Test", true},
		{ComponentWorkflow, "Test", true},
		{ComponentWorkflow, "", false},
	} {
		if got := p.Exists(tc.kind, tc.name); got != tc.want {
			t.Errorf("Exists(%s, %q) = %v, want %v", tc.kind, tc.name, got, tc.want)
		}
	}
}

func TestProject_serverFields(t *testing.T) {
	t.Parallel()
	doc := exampleProject()
	dirty := doc.WithPath([]string{"components", "0", "document", "_id"}, value.String("x")).
		WithPath([]string{"components", "0", "document", "namespace"}, value.Object()).
		WithPath([]string{"components", "0", "document", "name"}, value.String("@"+projectID+": Test"))
	p, problems := ParseProject(dirty)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got := p.Export(); !value.Equal(got, doc) {
		t.Errorf("export keeps what belongs to the server:\n%s", cmp.Diff(doc.String(), got.String()))
	}
}

func TestProject_Rename(t *testing.T) {
	t.Parallel()
	doc := exampleProject()
	p, _ := ParseProject(doc)
	moved := p.Rename(otherID)
	got := moved.Export().String()
	if strings.Contains(got, projectID) {
		t.Errorf("the old id is still in %s", got)
	}
	if n := strings.Count(got, "@"+otherID+": "); n != 2 {
		t.Errorf("the new prefix is there %d times, want 2", n)
	}
	if back := moved.Rename(projectID).Export(); back.String() != doc.String() {
		t.Errorf("renaming there and back changed the project")
	}
	if p.Export().String() != doc.String() {
		t.Error("Rename changed its receiver")
	}
}

func TestProject_Validate(t *testing.T) {
	t.Parallel()
	p, _ := ParseProject(exampleProject())
	got := summary(p.Validate(testCatalog, documents(nil)))
	want := []string{
		"unknown-workflow /components/0/document/tasks/a/variables/incoming/workflow",
		"unknown-transformation /components/0/document/tasks/b/variables/incoming/tr_id",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestProject_Relink(t *testing.T) {
	t.Parallel()
	id := func(p *Project) string {
		return p.Components[0].Document.Path("tasks", "b", "variables", "incoming", "tr_id").Text()
	}
	p, _ := ParseProject(exampleProject())
	mended, problems := p.Relink(nil)
	if id(mended) != "t1" || id(p) != "gone" {
		t.Errorf("mended task runs %q, original %q", id(mended), id(p))
	}
	if got := summary(problems); len(got) != 1 || got[0] != "relinked /components/0/document/tasks/b/variables/incoming/tr_id" {
		t.Errorf("problems %v", got)
	}
	if _, problems := mended.Relink(nil); len(problems) > 0 {
		t.Errorf("a second time: %v", problems)
	}
	if same, _ := p.Relink(documents{"transformation gone"}); id(same) != "gone" {
		t.Errorf("a transformation that exists elsewhere was replaced by %q", id(same))
	}
	twin := func(name string) *Project {
		doc := exampleProject().WithPath([]string{"components", "3"}, value.Object("iid", value.Int(3), "type", value.String("transformation"),
			"reference", value.String("t2"), "document", value.MustParse(transformation).With("_id", value.String("t2")).With("name", value.String(name))))
		p, _ := ParseProject(doc)
		out, _ := p.Relink(nil)
		return out
	}
	if got := id(twin("Other")); got != "t1" {
		t.Errorf("of two that fit, %q was taken, want the one called like the task", got)
	}
	unfit := exampleProject().WithPath([]string{"components", "1", "document", "outgoing"}, value.MustParse(`[{"$id":"b"}]`))
	p, _ = ParseProject(unfit)
	if out, problems := p.Relink(nil); id(out) != "gone" || len(problems) > 0 {
		t.Errorf("a transformation that does not fit took the place: %q, %v", id(out), problems)
	}
}

func TestParseProject_problems(t *testing.T) {
	t.Parallel()
	base := exampleProject()
	for name, tc := range map[string]struct {
		path, text string
		want       string
	}{
		"component of a number": {"/components/0", `1`, "type /components/0"},
		"double iid":            {"/components/1/iid", `0`, "duplicate /components/1/iid"},
		"double name":           {"/components/2", `{"iid":2,"type":"workflow","document":{"name":"Test"}}`, "duplicate /components/2/document/name"},
		"folder of nothing":     {"/folders/1/iid", `9`, "dangling /folders/1/iid"},
		"folder of no type":     {"/folders/1/nodeType", `"file"`, "enum /folders/1/nodeType"},
		"foreign prefix":        {"/components/0/document/name", `"@` + otherID + `: Test"`, "name /components/0/document/name"},
		"id":                    {"/_id", `"abc"`, "type /_id"},
		"no document":           {"/components/0/document", ``, "required /components/0/document"},
		"no name":               {"/components/0/document/name", ``, "required /components/0/document/name"},
		"no components":         {"/components", `{}`, "type /components"},
		"project without name":  {"/name", ``, "required /name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tokens, _ := value.SplitPointer(tc.path)
			v := value.Absent
			if tc.text != "" {
				v = value.MustParse(tc.text)
			}
			_, problems := ParseProject(base.WithPath(tokens, v))
			if got := summary(problems); len(got) == 0 || got[0] != tc.want {
				t.Errorf("problems %v, want first %q", got, tc.want)
			}
		})
	}
	if _, problems := ParseProject(value.Null); problems.Err() == nil {
		t.Error("null is no problem")
	}
}

func TestProject_corpus(t *testing.T) {
	t.Parallel()
	relinked := 0
	for file, doc := range corpus(t, "projects") {
		p, problems := ParseProject(doc)
		if len(problems) > 0 {
			t.Errorf("%s: %v", file, problems)
		}
		if got := p.Export(); got.String() != doc.String() {
			t.Errorf("%s: the export is not the file", file)
		}
		if got := p.Rename(otherID).Rename(p.ID).Export(); got.String() != doc.String() {
			t.Errorf("%s: renaming there and back changed it", file)
		}
		_, problems = p.Relink(nil)
		relinked += len(problems)
	}
	if relinked == 0 {
		t.Error("no transformation was relinked; real files need it")
	}
}
