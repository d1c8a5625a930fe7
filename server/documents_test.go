package server_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/workflows/value"
)

func TestWorkflow_life(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.add(t, "Pick", picking)
	a.refused(t, 409, "POST", "/automation-studio/automations", value.Object("automation", value.MustParse(picking).With("name", value.String("Pick"))).String())

	list := a.must(t, "GET", "/automation-studio/workflows?equals[name]=Pick", "")
	item := list.Get("items").At(0)
	if list.Get("total").String() != "1" || item.Get("_id").Text() != id || item.Path("inputSchema", "properties", "host").IsAbsent() {
		t.Errorf("list = %s", list)
	}
	lean := a.must(t, "GET", "/automation-studio/workflows?include=_id&limit=0", "").Get("items").At(0)
	if lean.Len() != 1 {
		t.Errorf("include=_id answers %s", lean)
	}
	export := a.must(t, "POST", "/workflow_builder/export", `{"options":{"name":"Pick"}}`)
	for _, key := range []string{"created_by", "last_updated_by"} {
		if got := export.Path(key, "username").Text(); got != "admin" {
			t.Errorf("export: %s.username = %q, want admin", key, got)
		}
	}
	if export.Has("_id") || export.Get("name").Text() != "Pick" {
		t.Errorf("export = %s", export)
	}
	a.must(t, "DELETE", "/workflow_builder/workflows/delete/"+id, "")
	back := a.must(t, "POST", "/automation-studio/automations/import", value.Object("automations", value.Array(export)).String())
	if !back.Get("imported").At(0).Get("success").Truth() {
		t.Errorf("import = %s", back)
	}
	again := a.refused(t, 409, "POST", "/automation-studio/automations/import", value.Object("automations", value.Array(export)).String())
	if reason := again.Path("metadata", "errors").At(0).Get("reason").Text(); !strings.Contains(reason, "already exists") {
		t.Errorf("second import = %s", again)
	}
	id = a.must(t, "GET", "/automation-studio/workflows?equals[name]=Pick", "").Get("items").At(0).Get("_id").Text()
	changed := export.With("description", value.String("changed"))
	a.must(t, "PUT", "/automation-studio/automations/"+id, value.Object("update", changed).String())
	if got := a.must(t, "GET", "/automation-studio/workflows/detailed/Pick", "").Get("description").Text(); got != "changed" {
		t.Errorf("description = %q", got)
	}
	tag := a.call(t, "GET", "/automation-studio/workflows/detailed/Pick", "").Header.Get("ETag")
	for _, want := range []int{200, 409} { // the second one has seen an older revision
		r := httptest.NewRequest("PUT", "/automation-studio/automations/"+id, strings.NewReader(value.Object("update", changed).String()))
		r.Header.Set("Authorization", "Bearer "+a.token)
		r.Header.Set("If-Match", tag)
		if got := a.send(t, r); got.StatusCode != want {
			t.Errorf("update with If-Match %s: %d %s, want %d", tag, got.StatusCode, got.text, want)
		}
	}
	a.refused(t, 404, "PUT", "/automation-studio/automations/nothing", value.Object("update", changed).String())
	gone := a.must(t, "DELETE", "/automation-studio/automations/"+id, "")
	if gone.Get("name").Text() != "Pick" || gone.Path("value", "name").Text() != "Pick" {
		t.Errorf("delete = %s", gone)
	}
	a.refused(t, 404, "DELETE", "/automation-studio/automations/"+id, "")
	one := a.must(t, "POST", "/workflow_builder/import", value.Object("workflow", export).String())
	if one.Get("name").Text() != "Pick" {
		t.Errorf("old import = %s", one)
	}
}

func TestWorkflow_validate(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, path := range []string{"/automation-studio/workflows/validate", "/workflow_engine/workflows/validate"} {
		for key, tc := range map[string]struct {
			doc  string
			good bool
		}{"workflow": {picking, true}, "asset": {strings.Replace(picking, `"a1":{"workflow_end"`, `"a1":{"zz"`, 1), false}} {
			got := a.must(t, "POST", path, fmt.Sprintf(`{%q:%s}`, key, tc.doc))
			if got.Get("isValid").Truth() != tc.good || (got.Get("errors").Len() == 0) != tc.good || !got.Get("warnings").IsArray() {
				t.Errorf("%s of %s: %s", path, key, got)
			}
		}
		a.refused(t, 400, "POST", path, `{}`)
	}
}

func TestTaskTypes(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	list := a.must(t, "GET", "/workflow_builder/tasks/list", "")
	if list.Len() < 50 || !list.At(0).Path("variables", "incoming").IsObject() {
		t.Errorf("%d task types, the first %s", list.Len(), list.At(0))
	}
	if apps := a.must(t, "GET", "/automation-studio/apps/list", ""); apps.Len() < 3 {
		t.Errorf("apps = %s", apps)
	}
	two := a.must(t, "POST", "/automation-studio/multipleTaskDetails?dereferenceSchemas=true",
		`{"inputsArray":[{"location":"Application","pckg":"WorkFlowEngine","method":"query"},{"pckg":"WorkFlowEngine","method":"nothing"}]}`)
	if two.At(0).Get("name").Text() != "query" || !two.At(1).IsNull() {
		t.Errorf("details = %s", two)
	}
	a.must(t, "GET", "/automation-studio/locations/Application/packages/WorkFlowEngine/tasks/query?dereferenceSchemas=true", "")
	a.refused(t, 404, "GET", "/automation-studio/locations/Application/packages/WorkFlowEngine/tasks/nothing", "")
}

func TestTry(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, tc := range []struct{ path, body, want string }{
		{"query", `{"query":"a.b","obj":{"a":{"b":[1]}},"pass_on_null":false}`, `[1]`},
		{"query", `{"query":"a.c","obj":{"a":{}},"pass_on_null":false}`, `null`},
		{"query", `{"query":"a.c","obj":{"a":{}},"pass_on_null":true}`, `{"a":{}}`},
		{"runEvaluationGroup", `{"all_true_flag":true,"evaluation_group":[{"operand_1":{"task":"static","variable":5},"operator":">","operand_2":{"task":"static","variable":3}}]}`, `true`},
		{"runEvaluationGroup", `{"evaluation_group":{"all_true_flag":true,"evaluations":[{"operand_1":5,"operator":"<","operand_2":3}]}}`, `false`},
		{"runEvaluationGroups", `{"all_true_flag":false,"evaluation_groups":[{"all_true_flag":true,"evaluations":[{"operand_1":"a","operator":"==","operand_2":"a"}]}]}`, `true`},
	} {
		if got := a.must(t, "POST", "/workflow_engine/"+tc.path, tc.body); got.String() != tc.want {
			t.Errorf("%s %s = %s, want %s", tc.path, tc.body, got, tc.want)
		}
	}
	a.refused(t, 400, "POST", "/workflow_engine/query", `{"query":"a[","obj":{}}`)
	a.refused(t, 400, "POST", "/workflow_engine/runEvaluationGroups", `{"evaluation_groups":[{"evaluations":[{"operator":"near"}]}]}`)
}

const projectID = "66cdeb7521161b4df271746c"

func projectFile(name string) string {
	return fmt.Sprintf(`{"_id":%q,"name":%q,"description":"","folders":[{"nodeType":"component","iid":1}],
	"components":[{"iid":1,"type":"workflow","reference":"6f4f4d0e-5d42-4c39-9f9b-1f6c1f0d6c11","folder":"/","document":%s}]}`, projectID, name, picking)
}

func TestProject_life(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const path = "/automation-studio/projects"
	in := a.must(t, "POST", path+"/import", `{"project":`+projectFile("P")+`,"assignNewReferences":false,"skipReferenceValidation":true}`)
	if in.Path("data", "_id").Text() != projectID || !in.Path("metadata", "failedComponents").IsArray() {
		t.Errorf("import = %s", in)
	}
	name := "@" + projectID + ": x"
	part := in.Path("data", "components").At(0)
	if part.Get("name").Text() != name || part.Get("reference").Text() == "" || part.Has("stored") {
		t.Errorf("component = %s", part)
	}
	a.job(t, a.start(t, name, `{"host":{"name":"r1"}}`), "complete")
	a.refused(t, 409, "POST", path+"/import", `{"project":`+projectFile("P")+`}`)
	a.must(t, "POST", path+"/import", `{"project":`+projectFile("P")+`,"conflictMode":"overwrite"}`)
	a.refused(t, 400, "POST", path+"/import", `{"project":`+projectFile("P")+`,"conflictMode":"perhaps"}`)
	list := a.must(t, "GET", path+"?limit=100", "")
	if list.Path("metadata", "total").String() != "1" || list.Get("data").At(0).Path("createdBy", "username").Text() != "admin" {
		t.Errorf("list = %s", list)
	}
	export := a.must(t, "GET", path+"/"+projectID+"/export", "").Get("data")
	doc := export.Get("components").At(0).Get("document")
	if doc.Get("name").Text() != "x" || doc.Path("created_by", "username").Text() != "Pronghorn" {
		t.Errorf("exported component = %s", export.Get("components"))
	}
	me := a.must(t, "GET", "/user/settings", "").Get("_id").Text()
	patched := a.must(t, "PATCH", path+"/"+projectID, `{"description":"new","members":[{"type":"account","role":"owner","reference":"`+me+`"}]}`).Get("data")
	if patched.Get("description").Text() != "new" || patched.Path("accessControl", "manage").At(0).Text() != "account:"+me || patched.Get("components").Len() != 1 {
		t.Errorf("patched = %s", patched)
	}
	a.refused(t, 400, "PATCH", path+"/"+projectID, `{"_id":"x"}`)
	a.refused(t, 400, "PATCH", path+"/"+projectID, `{"members":[{"type":"account","role":"king","reference":"x"}]}`)
	empty := a.must(t, "POST", path, `{"name":"Empty","components":[]}`)
	a.refused(t, 409, "PATCH", path+"/"+projectID, `{"name":"Empty"}`)
	a.must(t, "DELETE", path+"/"+empty.Path("data", "_id").Text(), "")
	gone := a.must(t, "DELETE", path+"/"+projectID, "")
	if gone.Path("metadata", "deletedComponents").Len() != 1 {
		t.Errorf("delete = %s", gone)
	}
	a.refused(t, 404, "GET", path+"/"+projectID, "")
	if got := a.must(t, "GET", "/automation-studio/workflows", "").Get("total").String(); got != "0" {
		t.Errorf("%s workflows are left of the project", got)
	}
}

// Projects and automations that were published go in and come out again.
func TestCorpus(t *testing.T) {
	t.Parallel()
	corpus := os.Getenv("HEDDLE_CORPUS")
	if corpus == "" {
		t.Skip("HEDDLE_CORPUS is not set")
	}
	a := newAPI(t)
	files, err := filepath.Glob(filepath.Join(corpus, "projects", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no projects in %s: %v", corpus, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		in := a.must(t, "POST", "/automation-studio/projects/import", `{"project":`+string(data)+`}`)
		if n := in.Path("metadata", "failedComponents").Len(); n > 0 {
			t.Errorf("%s: %d components failed", filepath.Base(f), n)
		}
		out := a.must(t, "GET", "/automation-studio/projects/"+in.Path("data", "_id").Text()+"/export", "").Get("data")
		want, err := value.ParseLast(data)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := out.Get("components").Len(), want.Get("components").Len(); got != want {
			t.Errorf("%s: %d components come out of %d", filepath.Base(f), got, want)
		}
	}
	list := a.must(t, "GET", "/automation-studio/projects?limit=100", "")
	if got, _ := list.Path("metadata", "total").Int(); got != int64(len(files)) || list.Get("data").Len() != len(files) {
		t.Errorf("%d projects in the list, want %d", got, len(files))
	}
	automations, _ := filepath.Glob(filepath.Join(corpus, "automations", "*.json"))
	for _, f := range automations {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		got := a.must(t, "PUT", "/operations-manager/automations", `{"automations":[`+string(data)+`]}`)
		if !got.Get("data").At(0).Get("success").Truth() {
			t.Errorf("%s: %s", filepath.Base(f), got)
		}
	}
}

func TestDocuments_life(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	jst := `{"name":"T","description":"","incoming":[{"$id":"in"}],"outgoing":[{"$id":"out"}],"steps":[],"functions":[],"tags":[]}`
	id := a.must(t, "POST", "/transformations", jst).Get("_id").Text()
	a.refused(t, 409, "POST", "/transformations", jst)
	if got := a.must(t, "POST", "/transformations/import", jst).Get("name").Text(); got != "T (1)" {
		t.Errorf("import beside = %q, want T (1)", got)
	}
	a.refused(t, 400, "POST", "/transformations", `{"name":"U","incoming":7}`)
	if got := a.must(t, "GET", "/transformations?limit=100&skip=0&contains[name]=t", ""); got.Get("total").String() != "2" || got.Get("results").Len() != 2 {
		t.Errorf("list = %s", got)
	}
	a.must(t, "PUT", "/transformations/"+id, strings.Replace(jst, `"description":""`, `"description":"d"`, 1))
	if got := a.must(t, "GET", "/transformations/"+id, ""); got.Get("description").Text() != "d" || got.Get("createdBy").Text() != "admin" {
		t.Errorf("replaced = %s", got)
	}
	if r := a.call(t, "DELETE", "/transformations/"+id, ""); r.StatusCode != 204 || r.text != "" {
		t.Errorf("delete = %d %s", r.StatusCode, r.text)
	}
	a.refused(t, 404, "DELETE", "/transformations/"+id, "")

	made := a.must(t, "POST", "/automation-studio/templates", `{"template":{"name":"J","group":"g","type":"jinja2","description":"","template":"{{ x }}"}}`)
	tid := made.Path("created", "_id").Text()
	a.refused(t, 400, "POST", "/automation-studio/templates", `{"template":{"name":"K","type":"perl"}}`)
	in := a.must(t, "POST", "/automation-studio/templates/import", `{"templates":[{"name":"K","type":"textfsm"},{"name":"J"}]}`).Get("imported")
	if !in.At(0).Get("success").Truth() || in.At(1).Get("success").Truth() {
		t.Errorf("import = %s", in)
	}
	a.must(t, "PUT", "/automation-studio/templates/"+tid, `{"update":{"name":"J","type":"jinja2","template":"y"}}`)
	if got := a.must(t, "GET", "/automation-studio/templates/"+tid+"/export", "").Get("template").Text(); got != "y" {
		t.Errorf("template = %q", got)
	}
	if got := a.must(t, "GET", "/automation-studio/templates?limit=1", ""); got.Get("total").String() != "2" || got.Get("next").Text() != "/automation-studio/templates?limit=1&skip=1" {
		t.Errorf("list = %s", got)
	}
	a.must(t, "DELETE", "/automation-studio/templates/"+tid, "")

	form := a.must(t, "POST", "/json-forms/forms", `{"name":"F","schema":{"type":"object"},"struct":{}}`).Get("doc")
	if form.Get("id").Text() == "" || form.Get("id").Text() != form.Get("_id").Text() {
		t.Errorf("form = %s", form)
	}
	a.refused(t, 400, "POST", "/json-forms/forms", `{"name":"G","schema":{"type":"object","properties":{"a":{"pattern":"(?=x)"}}}}`)
	a.must(t, "POST", "/json-forms/import/forms", `{"forms":[{"name":"H"}]}`)
	if got := a.must(t, "GET", "/json-forms/forms", ""); got.Len() != 2 {
		t.Errorf("forms = %s", got)
	}
	a.must(t, "DELETE", "/json-forms/forms", `{"ids":["`+form.Get("id").Text()+`"]}`)
	a.refused(t, 404, "GET", "/json-forms/forms/"+form.Get("id").Text(), "")
}

func TestAutomation_life(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	flow := a.add(t, "Pick", picking)
	const path = "/operations-manager/automations"
	made := a.must(t, "POST", path, `{"name":"A","description":"","componentType":"workflows"}`).Get("data")
	id := made.Get("_id").Text()
	if !made.Get("createdBy").IsString() || len(id) != 24 {
		t.Errorf("created = %s", made)
	}
	a.refused(t, 409, "POST", path, `{"name":"A"}`)
	a.refused(t, 400, "POST", path, `{"description":"nameless"}`)
	a.refused(t, 400, "POST", path, `{"name":"B","componentId":"nothing"}`)
	a.refused(t, 400, "POST", path, `{"name":"B","gbac":{"read":["g"],"write":[]}}`)
	patched := a.must(t, "PATCH", path+"/"+id, `{"componentName":"Pick"}`).Get("data")
	if patched.Get("componentId").Text() != flow {
		t.Errorf("patched = %s", patched)
	}
	trigger := a.must(t, "POST", "/operations-manager/triggers", `{"name":"T","type":"endpoint","verb":"POST","routeName":"pick","actionType":"automations","actionId":"`+id+`",
		"enabled":true,"schema":{"type":"object","required":["host"],"properties":{"host":{"type":"object"}}}}`).Get("data")
	a.refused(t, 409, "POST", "/operations-manager/triggers", `{"name":"T2","type":"endpoint","routeName":"pick","actionId":"`+id+`"}`)
	a.refused(t, 400, "POST", "/operations-manager/triggers", `{"name":"T2","type":"endpoint","routeName":"pick2","actionId":"nothing"}`)
	a.refused(t, 400, "POST", "/operations-manager/triggers", `{"name":"T2","type":"telepathy","actionId":"`+id+`"}`)

	export := a.must(t, "GET", path+"/"+id+"/export", "").Get("data")
	if export.Has("componentId") || export.Get("triggers").Len() != 1 || export.Get("componentName").Text() != "Pick" {
		t.Errorf("export = %s", export)
	}
	for query, want := range map[string]string{
		"?limit=100&skip=0&equalsField=type&equals=endpoint&enabled=true": "1", "?enabled=false": "0", "?actionId=" + id: "1",
		"?equals=" + id + "&equalsField=actionId": "1", "?equalsField=type&equals=schedule&limit=50": "0",
	} {
		if got := a.must(t, "GET", "/operations-manager/triggers"+query, "").Path("metadata", "total").String(); got != want {
			t.Errorf("triggers%s: total %s, want %s", query, got, want)
		}
	}
	if got := a.must(t, "GET", path+"?contains=a&containsField=name", "").Path("metadata", "total").String(); got != "1" {
		t.Errorf("automations with a: %s", got)
	}
	a.must(t, "DELETE", path+"/"+id, "")
	a.refused(t, 404, "GET", "/operations-manager/triggers/"+trigger.Get("_id").Text(), "")
	back := a.must(t, "PUT", path, value.Object("automations", value.Array(export, value.Object("name", value.Int(1)))).String())
	if !back.Get("data").At(0).Get("success").Truth() || back.Get("data").At(1).Get("success").Truth() || back.Get("data").At(0).Path("data", "_id").Text() != id {
		t.Errorf("import = %s", back)
	}
	a.refused(t, 409, "PUT", path, value.Object("automations", value.Array(export)).String())
	a.must(t, "DELETE", "/operations-manager/triggers/action/"+id, "")
	a.must(t, "PUT", "/operations-manager/triggers", value.Object("triggers", export.Get("triggers")).String())
}

func TestTrigger_runs(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Pick", picking)
	id := a.must(t, "POST", "/operations-manager/automations", `{"name":"A","componentName":"Pick"}`).Path("data", "_id").Text()
	trigger := func(doc string) string {
		v := value.MustParse(doc).With("actionId", value.String(id))
		return a.must(t, "POST", "/operations-manager/triggers", v.String()).Path("data", "_id").Text()
	}
	point := trigger(`{"name":"T","type":"endpoint","routeName":"pick","schema":{"type":"object","required":["host"],"properties":{"host":{"type":"object"}}}}`)
	const endpoint = "/operations-manager/triggers/endpoint/"
	job := a.must(t, "POST", endpoint+"pick?token="+a.token, `{"host":{"name":"r9"}}`).Get("data")
	done := a.job(t, job.Get("_id").Text(), "complete")
	if done.Path("variables", "reply").Text() != "r9" || !strings.Contains(done.Get("description").Text(), "Operations Manager") {
		t.Errorf("job = %s", done)
	}
	if at := a.must(t, "GET", "/operations-manager/triggers/"+point, "").Path("data", "lastExecuted"); !at.IsNumber() {
		t.Errorf("lastExecuted = %s", at)
	}
	jobs := func() string {
		return a.must(t, "GET", "/operations-manager/jobs", "").Path("metadata", "total").String()
	}
	for body, want := range map[string]string{`{}`: "required", `{"host":1}`: "type", `[]`: "type", `{`: "syntax"} {
		got := a.refused(t, 400, "POST", endpoint+"pick", body)
		if code := got.Path("metadata", "errors").At(0).Get("code").Text(); code != want {
			t.Errorf("%s: code %q, want %q: %s", body, code, want, got)
		}
	}
	a.refused(t, 404, "POST", endpoint+"nothing", `{}`)
	a.refused(t, 404, "POST", endpoint+"..%2f..%2fjobs", `{}`)
	a.must(t, "PATCH", "/operations-manager/triggers/"+point, `{"enabled":false}`)
	a.refused(t, 404, "POST", endpoint+"pick", `{"host":{"name":"r9"}}`)
	if n := jobs(); n != "1" {
		t.Errorf("%s jobs after refused calls, want 1", n)
	}

	jst := a.must(t, "POST", "/transformations", `{"name":"J","description":"","incoming":[{"$id":"device","type":"object"}],"outgoing":[{"$id":"host","type":"object"}],"functions":[],
		"steps":[{"id":1,"type":"assign","context":"#","from":{"location":"incoming","name":"device","ptr":""},"to":{"location":"outgoing","name":"host","ptr":""}}]}`)
	trigger(`{"name":"X","type":"endpoint","routeName":"device","jst":"` + jst.Get("_id").Text() + `"}`)
	shaped := a.must(t, "POST", endpoint+"device", `{"name":"r7"}`).Get("data")
	if got := a.job(t, shaped.Get("_id").Text(), "complete").Path("variables", "reply").Text(); got != "r7" {
		t.Errorf("reply through a transformation = %q, want r7", got)
	}
	trigger(`{"name":"Y","type":"endpoint","routeName":"lost","jst":"nothing"}`)
	a.refused(t, 409, "POST", endpoint+"lost", `{}`)

	form := a.must(t, "POST", "/json-forms/forms", `{"name":"F","schema":{"type":"object","required":["host"]}}`).Path("doc", "_id").Text()
	manual := trigger(`{"name":"M","type":"manual","legacyWrapper":false,"formId":"` + form + `"}`)
	run := "/operations-manager/triggers/manual/" + manual + "/run"
	a.refused(t, 400, "POST", run, `{"formData":{}}`)
	a.refused(t, 400, "POST", run, `{"formData":[]}`)
	started := a.must(t, "POST", run, `{"formData":{"host":{"name":"r2"}}}`).Get("data")
	if got := a.job(t, started.Get("_id").Text(), "complete").Path("variables", "reply").Text(); got != "r2" {
		t.Errorf("reply = %q", got)
	}
	wrapped := trigger(`{"name":"W","type":"manual"}`)
	refused := a.refused(t, 400, "POST", "/operations-manager/triggers/manual/"+wrapped+"/run", `{"formData":{"host":{}}}`)
	if !strings.Contains(refused.Get("message").Text(), "host") {
		t.Errorf("a wrapped form answers %s", refused)
	}
	a.refused(t, 409, "POST", "/operations-manager/triggers/manual/"+point+"/run", `{}`)
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.as(t, "zoe", []string{"viewer"})
	const path = "/authorization/accounts"
	for query, want := range map[string]string{"": "2", "?inactive=false&isServiceAccount=false": "2", "?isServiceAccount=true": "0", "?limit=1&skip=1": "2", "?equals[username]=zoe": "1"} {
		if got := a.must(t, "GET", path+query, ""); got.Get("total").String() != want {
			t.Errorf("%s: %s, want total %s", query, got, want)
		}
	}
	for _, body := range []string{
		`{"account":{"username":"x","password":"short"}}`, `{"account":{"username":"","password":"long enough"}}`, `{"account":{"username":"Pronghorn","password":"long enough"}}`,
		`{"account":{"username":"x","password":"long enough","assignedRoles":["king"]}}`, `{"account":{"username":"x","password":"long enough","memberOf":["nothing"]}}`, `{"username":"x"}`,
	} {
		a.refused(t, 400, "POST", path, body)
	}
	a.refused(t, 409, "POST", path, `{"account":{"username":"zoe","password":"long enough"}}`)
	for _, list := range []string{"roles?limit=100", "methods", "views?limit=100", "groups"} {
		got := a.must(t, "GET", "/authorization/"+list, "")
		if n, _ := got.Get("total").Int(); int64(got.Get("results").Len()) != n {
			t.Errorf("%s: %d of %d", list, got.Get("results").Len(), n)
		}
	}
	for path, want := range map[string]string{"/adapters": "results", "/applications": "results"} {
		if got := a.must(t, "GET", path, ""); !got.Get(want).IsArray() {
			t.Errorf("%s = %s", path, got)
		}
	}
	if tags := a.must(t, "GET", "/tags/all", ""); !tags.IsArray() {
		t.Errorf("tags = %s", tags)
	}
	if doc := a.must(t, "GET", "/help/openapi?url=x", ""); doc.Get("openapi").Text() != "3.1.0" {
		t.Error("no description of the API")
	}
}

// What is different each time gives way to its kind.
var volatile = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "<uuid>"},
	{regexp.MustCompile(`\b[0-9a-f]{24}\b`), "<id>"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`), "<time>"},
	{regexp.MustCompile(`\b\d{13}\b`), "<ms>"},
	{regexp.MustCompile(`"run_time": \d+`), `"run_time": <ms>`},
}

// The shapes that clients decode.
func TestShapes(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Pick", picking)
	id := a.start(t, "Pick", `{"host":{"name":"r1"}}`)
	a.job(t, id, "complete")
	for name, path := range map[string]string{
		"job.json": "/operations-manager/jobs/" + id, "jobs.json": "/operations-manager/jobs?include=name,status,metrics",
		"tasks.json": "/operations-manager/tasks", "workflows.json": "/automation-studio/workflows", "whoami.json": "/whoami",
		"history.json": "/operations-manager/jobs/" + id + "/history", "refusal.json": "/operations-manager/jobs?equals[colour]=red",
	} {
		r := a.call(t, "GET", path, "")
		text := indent(r.json, "")
		for _, v := range volatile {
			text = v.pattern.ReplaceAllString(text, v.with)
		}
		golden(t, name, text+"\n")
	}
}

// indent writes JSON with one member a line.
func indent(v value.Value, margin string) string {
	if v.Len() == 0 {
		return v.String()
	}
	open, end := "{", "}"
	if v.IsArray() {
		open, end = "[", "]"
	}
	lines := make([]string, v.Len())
	for i := range lines {
		lines[i] = margin + "  "
		if v.IsObject() {
			lines[i] += fmt.Sprintf("%q: ", v.Keys()[i])
		}
		lines[i] += indent(v.At(i), margin+"  ")
	}
	return open + "\n" + strings.Join(lines, ",\n") + "\n" + margin + end
}
