package builtin

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// documented are the tasks that the public references of the workflow engine name.
const documented = `
	WorkFlowEngine: evaluation query childJob forEach merge deepmerge newVariable modify setObjectKey push pop shift arrayPush
	makeData delay stub updateJobDescription decision parse objectToString validateJsonSchema restCall eventListenerJob runAction
	transformation expression arrayConcat concatArray arrayIncludes arrayIndexOf arrayLastIndexOf arrayLength arrayPop arraySlice
	arrayToString copyWithin fill isArray join map pushToArray reverse sort splice assign keys values objectHasOwnProperty
	extractField FlattenJSONFormInput charAt charCodeAt codePointAt stringConcat endsWith startsWith includes indexOf lastIndexOf
	stringLength localeCompare match normalize padEnd padStart repeat replace search slice split substring toLowerCase toUpperCase
	trim numberToString parseInt addDuration calculateTimeDiff convertEpochToObject convertTimeFormat convertTimeToEpoch
	convertTimezone getTime csvStringToJson excelToJson asciiToBase64 ErrorHandling ViewData ViewHTML ViewDiff
	MOP: reattempt viewTemplateResults runTemplatesDiff RunCommandTemplate
	OperationsManager: getJobs getTasks
	TemplateBuilder: renderJinjaTemplate parseTemplate
	JsonForms: ShowJsonForm RenderJsonSchema
	AGManager: itential_cli itential_netmiko_set_config
	ServiceCog: ViewTestService
	NSOManager: restAction
	AppArtifacts: gatherInternalGET componentDiscovery`

func TestTable(t *testing.T) {
	t.Parallel()
	app := ""
	for _, word := range strings.Fields(documented) {
		if name, ok := strings.CutSuffix(word, ":"); ok {
			app = name
			continue
		}
		if i := slices.IndexFunc(table, func(task Task) bool { return task.Method.App == app && task.Method.Name == word }); i < 0 {
			t.Errorf("the table lacks %s %s", app, word)
		}
	}
	for i, task := range Tasks() {
		m := task.Method
		if i > 0 && byName(Tasks()[i-1].Method, m) >= 0 {
			t.Errorf("%s %s is out of order or twice in the table", m.App, m.Name)
		}
		if m.Summary == "" || m.DisplayName == "" || m.CanvasName == "" || m.Location != workflows.LocationApplication {
			t.Errorf("%s %s: incomplete entry %+v", m.App, m.Name, m)
		}
		if (m.Type == workflows.Manual) != (m.View != "") {
			t.Errorf("%s %s: type %q with the view %q", m.App, m.Name, m.Type, m.View)
		}
		if m.Type == workflows.Manual && task.Run != nil || m.Remote && task.Run != nil {
			t.Errorf("%s %s runs although a person or an adapter does it", m.App, m.Name)
		}
		names := map[string]bool{}
		for _, p := range slices.Concat(m.Incoming, []workflows.Param{{Name: "|"}}, m.Outgoing) {
			if p.Name == "|" {
				clear(names)
				continue
			}
			if names[p.Name] || p.Name == "" || p.Description == "" {
				t.Errorf("%s %s: parameter %q is unnamed, undescribed or twice there", m.App, m.Name, p.Name)
			}
			names[p.Name] = true
			switch p.Type {
			case "", "array", "boolean", "number", "object", "string":
			default:
				t.Errorf("%s %s: parameter %q is of the unknown type %q", m.App, m.Name, p.Name, p.Type)
			}
		}
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	if got, ok := Lookup("LifecycleManager", "anything"); !ok || !got.Method.Remote || !got.Method.Open || got.Run != nil {
		t.Errorf("a method of an application for adapters: %+v, %v", got.Method, ok)
	}
	for _, pair := range [][2]string{{"WorkFlowEngine", "anything"}, {"Nobody", "query"}, {"MOP", ""}} {
		if _, ok := Lookup(pair[0], pair[1]); ok {
			t.Errorf("%v is known", pair)
		}
	}
	c := Catalog()
	if len(c.Methods()) != len(Tasks()) {
		t.Errorf("%d methods of %d tasks", len(c.Methods()), len(Tasks()))
	}
	if m, ok := c.Method("WorkFlowEngine", "arrayPush"); !ok || m.CanvasName != "push" {
		t.Errorf("arrayPush: %+v, %v", m, ok)
	}
}

// TestTasks_outputs runs the cases and holds what they give against the catalog.
func TestTasks_outputs(t *testing.T) {
	t.Parallel()
	for _, tc := range cases {
		task := lookup(t, tc.task)
		for name := range task.Run(testCall(t, tc.in)).Outgoing.Members() {
			if _, ok := task.Method.Output(name); !ok && !task.Method.Open {
				t.Errorf("%s gives %q, which its entry does not list", tc.task, name)
			}
		}
	}
}

// corpusTasks walks the application tasks of the workflows in HEDDLE_CORPUS.
func corpusTasks(t *testing.T, visit func(file string, task value.Value)) {
	t.Helper()
	corpus := os.Getenv("HEDDLE_CORPUS")
	if corpus == "" {
		t.Skip("HEDDLE_CORPUS is not set")
	}
	files, err := filepath.Glob(filepath.Join(corpus, "projects", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no projects in the corpus: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var project value.Value
		if err := json.Unmarshal(data, &project); err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		for _, c := range project.Get("components").Elements() {
			if c.Get("type").Text() != "workflow" {
				continue
			}
			for _, task := range c.Path("document", "tasks").Members() {
				if task.Get("location").Text() == workflows.LocationApplication {
					visit(filepath.Base(file), task)
				}
			}
		}
	}
}

func TestCatalog_corpus(t *testing.T) {
	t.Parallel()
	n := 0
	corpusTasks(t, func(file string, doc value.Value) {
		n++
		app, name := doc.Get("app").Text(), doc.Get("name").Text()
		m, ok := Catalog().Method(app, name)
		if !ok {
			t.Errorf("%s: the catalog lacks %s %s", file, app, name)
			return
		}
		if got := doc.Get("type").Text(); got != string(m.Type) {
			t.Errorf("%s: %s is %q, the catalog says %q", file, name, got, m.Type)
		}
		if got := doc.Get("canvasName").Text(); got != m.CanvasName && got != "" {
			t.Errorf("%s: %s is called %q, the catalog says %q", file, name, got, m.CanvasName)
		}
		if got := doc.Get("view").Text(); got != m.View {
			t.Errorf("%s: %s is shown at %q, the catalog says %q", file, name, got, m.View)
		}
		for p := range doc.Path("variables", "incoming").Members() {
			if _, ok := m.Param(p); !ok && !m.Open {
				t.Errorf("%s: %s %s has no parameter %q", file, app, name, p)
			}
		}
		for o := range doc.Path("variables", "outgoing").Members() {
			if _, ok := m.Output(o); !ok && !m.Open {
				t.Errorf("%s: %s %s has no output %q", file, app, name, o)
			}
		}
	})
	t.Logf("%d tasks", n)
}

// TestJinja_corpus renders every Jinja2 template of the corpus with its sample data.
func TestJinja_corpus(t *testing.T) {
	t.Parallel()
	corpus := os.Getenv("HEDDLE_CORPUS")
	if corpus == "" {
		t.Skip("HEDDLE_CORPUS is not set")
	}
	files, _ := filepath.Glob(filepath.Join(corpus, "projects", "*.json"))
	n := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var project value.Value
		if err := json.Unmarshal(data, &project); err != nil {
			t.Fatal(err)
		}
		for _, c := range project.Get("components").Elements() {
			doc := c.Get("document")
			if c.Get("type").Text() != "template" || doc.Get("type").Text() != typeJinja2 {
				continue
			}
			sample, err := value.ParseLast([]byte(doc.Get("data").Text()))
			if err != nil {
				sample = value.Object()
			}
			n++
			if out, err := renderJinja(doc.Get("template").Text(), sample); err != nil || out == "" {
				t.Errorf("%s: %v", doc.Get("name"), err)
			}
		}
	}
	t.Logf("%d templates", n)
}
