package workflows

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/workflows/value"
)

// tasks are the tasks of a test's document, by id; each is a kind of the test catalog and
// patches "path=JSON".
type tasks map[string][]string

// document writes a workflow of the given tasks. Edges are "from>to", with -f>, -e> and -l>
// for failure, error and loop, and =s>, =f> and =e> for reverts; S and E are the start and end.
func document(ts tasks, links string, patches ...string) value.Value {
	doc := value.MustParse(`{"name":"Test","inputSchema":{"type":"object","properties":{"in":{},"list":{}}}}`)
	put := func(path string, v value.Value) {
		tokens, err := value.SplitPointer(path)
		if err != nil {
			panic(err)
		}
		doc = doc.WithPath(tokens, v)
	}
	put("/transitions", value.Object())
	for _, id := range []string{StartID, EndID} {
		put("/tasks/"+id, value.Object("name", value.String(id), "groups", value.Array()))
		put("/transitions/"+id, value.Object())
	}
	for id, t := range ts {
		kind, patches := t[0], t[1:]
		m := testCatalog[kind]
		in, out := value.Object(), value.Object()
		for _, p := range m.Incoming {
			in = in.With(p.Name, value.String(""))
		}
		for _, p := range m.Outgoing {
			out = out.With(p.Name, value.Null)
		}
		put("/tasks/"+id, value.Object("name", value.String(m.Name), "app", value.String(m.App), "location", value.String(m.Location),
			"type", value.String(string(m.Type)), "description", value.String(""),
			"variables", value.Object("incoming", in, "outgoing", out)))
		if m.View != "" {
			put("/tasks/"+id+"/view", value.String(m.View))
		}
		put("/transitions/"+id, value.Object())
		for _, p := range slices.Concat(defaults[kind], patches) {
			path, text, _ := strings.Cut(p, "=")
			v := value.Absent
			if text != "" {
				v = value.MustParse(text)
			}
			if path[0] != '/' {
				path = "/variables/incoming/" + path
			}
			put("/tasks/"+id+path, v)
		}
	}
	for _, e := range strings.Fields(links) {
		at := strings.IndexAny(e, "-=>")
		end := strings.IndexByte(e, '>')
		from, op, to := e[:at], e[at:end], e[end+1:]
		kind, state := Standard, Success
		if strings.HasPrefix(op, "=") {
			kind = Revert
		}
		switch strings.TrimLeft(op, "-=") {
		case "f":
			state = Failure
		case "e":
			state = Failed
		case "l":
			state = Loop
		}
		name := func(s string) string {
			return map[string]string{"S": StartID, "E": EndID}[s] + strings.Trim(s, "SE")
		}
		put("/transitions/"+name(from)+"/"+name(to), value.Object("type", value.String(string(kind)), "state", value.String(string(state))))
	}
	for _, p := range patches {
		path, text, _ := strings.Cut(p, "=")
		v := value.Absent
		if text != "" {
			v = value.MustParse(text)
		}
		put(path, v)
	}
	return doc
}

type methods map[string]Method

func (m methods) Method(app, name string) (Method, bool) {
	for _, e := range m {
		if e.App == app && e.Name == name && e.Location == LocationApplication {
			return e, true
		}
	}
	return Method{}, false
}

func (m methods) Methods() []Method { return nil }

func params(names ...string) []Param {
	out := make([]Param, len(names))
	for i, n := range names {
		name, kind, _ := strings.Cut(n, ":")
		out[i] = Param{Name: name, Type: kind}
	}
	return out
}

func control(name string, kind TaskType, in, out []Param) Method {
	m := Method{App: workflowEngine, Name: name, Location: LocationApplication, Type: kind, Incoming: in, Outgoing: out}
	if kind == Manual {
		m.View = "/view"
	}
	return m
}

var testCatalog = func() methods {
	m := methods{
		"adapter":     {App: "NetBox", Name: "getDevices", Location: LocationAdapter, Type: Automatic, Incoming: params("adapter_id"), Outgoing: params("result")},
		"arrayLength": control("arrayLength", Automatic, []Param{{Name: "arr", Type: "array", Required: true}}, params("length:number")),
		"childJob":    control("childJob", Operation, params("workflow", "variables", "loopType"), params("job_details:object")),
		"evaluation":  control("evaluation", Operation, params("all_true_flag", "evaluation_groups"), params("return_value")),
		"form":        {App: "JsonForms", Name: "ShowJsonForm", Location: LocationApplication, Type: Manual, View: "/form", Incoming: params("form_id"), Outgoing: params("export")},
		"forEach":     control("forEach", Operation, params("data_array"), params("current_item")),
		"getTime":     control("getTime", Automatic, []Param{{Name: "format", Values: []string{"ISO", "epoch"}}}, params("time:string")),
		"merge":       control("merge", Operation, params("data_to_merge"), params("merged_object")),
		"newVariable": control("newVariable", Operation, params("name", "value"), params("value")),
		"push":        control("push", Operation, params("job_variable", "item_to_push"), params("job_variable_value")),
		"query":       control("query", Operation, params("pass_on_null:boolean", "query", "obj"), params("return_data")),
		"stub":        control("stub", Automatic, params("type", "delay", "response"), params("response")),
		"template":    {App: "TemplateBuilder", Name: "renderJinjaTemplate", Location: LocationApplication, Type: Automatic, Incoming: params("name"), Outgoing: params("renderedTemplate")},
		"transform":   control("transformation", Operation, params("tr_id", "variableMap", "options"), nil),
		"view":        control("ViewData", Manual, params("body", "variables", "btn_failure"), nil),
	}
	open := m["transform"]
	open.Open = true
	m["transform"] = open
	picky := m["stub"]
	picky.InvalidActors = []string{"job"}
	picky.CanvasName, picky.CanWarn = "stub", true
	m["stub"] = picky
	return m
}()

// defaults make the tasks of the test catalog valid.
var defaults = map[string][]string{
	"adapter":     {`adapter_id="netbox"`},
	"arrayLength": {`arr=[1]`},
	"childJob":    {`workflow="Child"`, `variables={}`},
	"evaluation":  {`evaluation_groups=[{"evaluations":[{"operand_1":{"task":"job","variable":"in"},"operator":"==","operand_2":{"task":"static","variable":1}}]}]`},
	"merge":       {`data_to_merge=[]`},
	"newVariable": {`name="x"`},
	"push":        {`job_variable="list"`},
	"transform":   {`tr_id="t1"`, `variableMap={}`},
	"view":        {`btn_failure="No"`},
}

type documents []string

func (d documents) Exists(t ComponentType, name string) bool {
	return slices.Contains(d, string(t)+" "+name)
}

var known = documents{"workflow Child", "transformation t1", "adapter netbox"}

func summary(ps Problems) []string {
	var out []string
	for _, p := range ps {
		out = append(out, p.Code+" "+p.Pointer)
	}
	return out
}

// cases are documents with the problems they have.
var cases = map[string]struct {
	doc  value.Value
	want []string
}{
	"actor after the task":      {document(tasks{"a": {"stub", `/actor="b"`}, "b": {"view", `btn_failure=""`}}, "S>a a>b b>E"), []string{"actor /tasks/a/actor"}},
	"actor before the task":     {document(tasks{"a": {"stub", `/actor="b"`}, "b": {"view", `btn_failure=""`}}, "S>b b>a a>E"), nil},
	"actor no person":           {document(tasks{"a": {"stub", `/actor="root"`}}, "S>a a>E"), []string{"actor /tasks/a/actor"}},
	"actor of a manual task":    {document(tasks{"a": {"view", `btn_failure=""`, `/actor="job"`}}, "S>a a>E"), []string{"actor /tasks/a/actor"}},
	"actor the method refuses":  {document(tasks{"a": {"stub", `/actor="job"`}}, "S>a a>E"), []string{"actor /tasks/a/actor"}},
	"adapter by reference":      {document(tasks{"a": {"adapter", `adapter_id="$var.job.in"`}}, "S>a a>E"), nil},
	"adapter missing":           {document(tasks{"a": {"adapter", `adapter_id=`}}, "S>a a>E"), []string{"adapter-id /tasks/a/variables/incoming/adapter_id"}},
	"adapter unknown":           {document(tasks{"a": {"adapter", `adapter_id="other"`}}, "S>a a>E"), []string{"unknown-adapter /tasks/a/variables/incoming/adapter_id"}},
	"binding to a task":         {document(tasks{"a": {"stub", `/variables/outgoing/response="$var.b.x"`}}, "S>a a>E"), []string{"binding /tasks/a/variables/outgoing/response"}},
	"binding to a built-in":     {document(tasks{"a": {"stub", `/variables/outgoing/response="$var.job._id"`}}, "S>a a>E"), []string{"built-in-variable /tasks/a/variables/outgoing/response"}},
	"body entered":              {document(tasks{"a": {"forEach"}, "b": {"stub"}, "c": {"stub"}}, "S>a S>b a-l>c b>c b>E a>E"), []string{"body-crossing /transitions/b/c"}},
	"body left":                 {document(tasks{"a": {"forEach"}, "b": {"stub"}}, "S>a a-l>b a>E b>E"), []string{"body-crossing /transitions/b/workflow_end"}},
	"body reverts out":          {document(tasks{"a": {"stub"}, "b": {"forEach"}, "c": {"stub"}}, "S>a a>b b-l>c b>E c=f>a"), []string{"body-crossing /transitions/c/a", "revert-target /transitions/c/a"}},
	"canvas name":               {document(tasks{"a": {"stub", `/canvasName="mock"`}}, "S>a a>E"), []string{"canvas-name /tasks/a/canvasName"}},
	"continues after errors":    {document(tasks{"a": {"stub", `/continueOnError=true`}, "b": {"getTime", `/continueOnError=true`}}, "S>a a>b b>E"), []string{"continue-on-error /tasks/b/continueOnError"}},
	"childJob without workflow": {document(tasks{"a": {"childJob", `workflow=""`}}, "S>a a>E"), []string{"unknown-workflow /tasks/a/variables/incoming/workflow"}},
	"childJob loop type":        {document(tasks{"a": {"childJob", `loopType="often"`}}, "S>a a>E"), []string{"enum /tasks/a/variables/incoming/loopType"}},
	"childJob mixed up":         {document(tasks{"a": {"childJob", `variables={"x":{"task":"job","variable":"in"}}`}}, "S>a a>E"), []string{"operand /tasks/a/variables/incoming/variables/x/variable"}},
	"childJob static":           {document(tasks{"a": {"childJob", `variables={"x":{"task":"static"}}`}}, "S>a a>E"), []string{"static-value /tasks/a/variables/incoming/variables/x"}},
	"childJob unknown":          {document(tasks{"a": {"childJob", `workflow="Other"`}}, "S>a a>E"), []string{"unknown-workflow /tasks/a/variables/incoming/workflow"}},
	"cycle":                     {document(tasks{"a": {"stub"}, "b": {"stub"}}, "S>a a>b b>a b>E"), []string{"cycle /transitions/b/a"}},
	"dangling":                  {document(tasks{"a": {"stub"}}, "S>a a>E a-e>zz"), []string{"dangling /transitions/a/zz"}},
	"dead end":                  {document(tasks{"a": {"evaluation"}}, "S>a a>E"), []string{"dead-end /transitions/a"}},
	"dead end behind a branch":  {document(tasks{"a": {"evaluation"}, "b": {"evaluation"}}, "S>a a>E a-f>b b>E"), []string{"dead-end /transitions/b"}},
	"dead end of a fork of one": {document(tasks{"a": {"stub"}, "b": {"evaluation"}, "c": {"evaluation"}}, "S>a a>b a>c b>E c>E"), nil},
	"dead end of a revert":      {document(tasks{"a": {"stub"}, "b": {"view"}}, "S>a a>b b>E b=f>a"), nil},
	"dead end of a success":     {document(tasks{"a": {"stub"}, "b": {"stub"}}, "S>a a-e>b b>E"), []string{"dead-end /transitions/a"}},
	"decorator":                 {document(tasks{"a": {"stub", `/variables/decorators=[{"type":"encryption","pointer":"x"}]`}}, "S>a a>E"), []string{"decorator /tasks/a/variables/decorators/0"}},
	"decorator at nothing":      {document(tasks{"a": {"stub", `/variables/decorators=[{"type":"encryption","pointer":"/incoming/x"}]`}}, "S>a a>E"), []string{"decorator-target /tasks/a/variables/decorators/0/pointer"}},
	"description":               {document(tasks{"a": {"stub", `/description=`}}, "S>a a>E"), []string{"description /tasks/a/description"}},
	"end leads on":              {document(tasks{"a": {"stub"}}, "S>a a>E E=s>a"), []string{"reserved-transition /transitions/workflow_end/a"}},
	"evaluation mixed up":       {document(tasks{"a": {"evaluation", `evaluation_groups=[{"evaluations":[{"operand_1":{"task":"job","value":"in"},"operator":"is","operand_2":{"task":"static","variable":"(?=x)"}}]}]`}, "b": {"stub"}}, "S>a a>E a-f>b b>E"), []string{"operand /tasks/a/variables/incoming/evaluation_groups/0/evaluations/0/operand_1/value", "operator /tasks/a/variables/incoming/evaluation_groups/0/evaluations/0/operator"}},
	"evaluation query":          {document(tasks{"a": {"evaluation", `evaluation_groups=[{"evaluations":[{"operand_1":{"task":"job","variable":"in","query":"a"},"operator":"contains","operand_2":{"task":"static","variable":"(?=x)"}}]}]`}, "b": {"stub"}}, "S>a a>E a-f>b b>E"), []string{"query-in-operand /tasks/a/variables/incoming/evaluation_groups/0/evaluations/0/operand_1/query", "regex /tasks/a/variables/incoming/evaluation_groups/0/evaluations/0/operand_2/variable"}},
	"evaluation without groups": {document(tasks{"a": {"evaluation", `evaluation_groups={}`}, "b": {"stub"}}, "S>a a>E a-f>b b>E"), []string{"type /tasks/a/variables/incoming/evaluation_groups"}},
	"exclusive branches":        {document(tasks{"a": {"evaluation"}, "b": {"stub"}, "c": {"stub", `response="$var.b.response"`}}, "S>a a>b a-f>c b>E c>E"), []string{"never-available /tasks/c/variables/incoming/response"}},
	"form unknown":              {document(tasks{"a": {"form", `form_id="f"`}}, "S>a a>E"), []string{"unknown-form /tasks/a/variables/incoming/form_id"}},
	"join never":                {document(tasks{"a": {"newVariable"}, "b": {"stub"}}, "S>a a>E a-f>b b>E"), []string{"join-never /tasks/b", "dead-transition /transitions/a/b"}},
	"later task":                {document(tasks{"a": {"stub", `response="$var.b.response"`}, "b": {"stub"}}, "S>a a>b b>E"), []string{"never-available /tasks/a/variables/incoming/response"}},
	"literal not in the set":    {document(tasks{"a": {"getTime", `format="later"`}}, "S>a a>E"), []string{"literal-enum /tasks/a/variables/incoming/format"}},
	"literal of a type":         {document(tasks{"a": {"arrayLength", `arr={}`}, "b": {"query", `pass_on_null="true"`, `obj={}`}}, "S>a a>b b>E"), []string{"literal-type /tasks/a/variables/incoming/arr"}},
	"loop missing":              {document(tasks{"a": {"forEach"}}, "S>a a>E"), []string{"loop-missing /transitions/a"}},
	"loops":                     {document(tasks{"a": {"forEach"}, "b": {"stub"}, "c": {"stub"}}, "S>a a-l>b a-l>c a>E"), []string{"loop-count /transitions/a"}},
	"loop from a stub":          {document(tasks{"a": {"stub"}, "b": {"stub"}}, "S>a a-l>b a>E"), []string{"loop-source /transitions/a/b"}},
	"manual without view":       {document(tasks{"a": {"view", `/view=`, `variables=`, `btn_failure=""`}}, "S>a a>E"), []string{"manual /tasks/a/variables/incoming/variables", "manual /tasks/a/view"}},
	"merge":                     {document(tasks{"a": {"merge", `data_to_merge=[{"key":"k","value":{"task":"job","variable":"in"}},{"task":"job","variable":"in"}]`}}, "S>a a>E"), []string{"merge-keys /tasks/a/variables/incoming/data_to_merge", "operand /tasks/a/variables/incoming/data_to_merge/1"}},
	"missing parameter":         {document(tasks{"a": {"arrayLength", `arr=`}}, "S>a a>E"), []string{"missing-incoming /tasks/a/variables/incoming/arr"}},
	"name":                      {document(tasks{"a": {"stub"}}, "S>a a>E", `/name="@home: x"`), []string{"name /name"}},
	"name of a project":         {document(tasks{"a": {"stub"}}, "S>a a>E", `/name="@0123456789abcdef01234567: x"`), nil},
	"name very long":            {document(tasks{"a": {"stub"}}, "S>a a>E", `/name="`+strings.Repeat("x", 1<<20)+`"`), []string{"name /name"}},
	"nested reference":          {document(tasks{"a": {"stub", `response={"x":["$var.job.in"]}`}}, "S>a a>E"), []string{"nested-reference /tasks/a/variables/incoming/response/x/0"}},
	"never set":                 {document(tasks{"a": {"stub"}, "b": {"stub", `response="$var.a.response"`}}, "S>a a>E a-e>b b>E"), []string{"never-set /tasks/b/variables/incoming/response"}},
	"no end":                    {document(tasks{"a": {"stub"}}, "S>a", `/tasks/workflow_end=`), []string{"required /tasks/workflow_end"}},
	"other branch":              {document(tasks{"a": {"stub"}, "b": {"stub"}, "c": {"stub", `response="$var.b.response"`}}, "S>a a>b a>c b>E c>E"), []string{"order /tasks/c/variables/incoming/response"}},
	"output misspelt":           {document(tasks{"a": {"stub"}, "b": {"stub", `response="$var.a.respons"`}}, "S>a a>b b>E"), []string{"unknown-output /tasks/b/variables/incoming/response"}},
	"output not listed":         {document(tasks{"a": {"adapter"}, "b": {"stub", `response="$var.a.body"`}}, "S>a a>b b>E"), []string{"unlisted-output /tasks/b/variables/incoming/response"}},
	"output path":               {document(tasks{"a": {"adapter"}, "b": {"stub", `response="$var.a.result.x"`}}, "S>a a>b b>E"), []string{"unknown-output /tasks/b/variables/incoming/response"}},
	"output of another type":    {document(tasks{"a": {"getTime"}, "b": {"arrayLength", `arr="$var.a.time"`}}, "S>a a>b b>E"), []string{"reference-type /tasks/b/variables/incoming/arr"}},
	"outgoing misspelt":         {document(tasks{"a": {"stub", `/variables/outgoing/x=null`}}, "S>a a>E"), []string{"unknown-outgoing /tasks/a/variables/outgoing/x"}},
	"parameter misspelt":        {document(tasks{"a": {"stub", `respons=1`, `job_id=1`}}, "S>a a>E"), []string{"unknown-incoming /tasks/a/variables/incoming/respons"}},
	"read inside a body":        {document(tasks{"a": {"forEach"}, "b": {"stub", `response="$var.a.current_item"`}, "c": {"stub", `response="$var.b.response"`}}, "S>a a-l>b a>c c>E"), nil},
	"reference to no task":      {document(tasks{"a": {"stub", `response="$var.b.response"`}}, "S>a a>E"), []string{"unknown-ref-task /tasks/a/variables/incoming/response"}},
	"revert forward":            {document(tasks{"a": {"stub"}, "b": {"stub"}}, "S>a a>b b>E a=s>E"), []string{"revert-target /transitions/a/workflow_end"}},
	"self":                      {document(tasks{"a": {"stub"}}, "S>a a>E a=e>a"), []string{"self-transition /transitions/a/a"}},
	"start fails":               {document(tasks{"a": {"stub"}}, "S-f>a a>E"), []string{"join-never /tasks/a", "join-never /tasks/workflow_end", "dead-transition /transitions/workflow_start/a", "reserved-transition /transitions/workflow_start/a"}},
	"start to end":              {document(tasks{"a": {"stub"}}, "S>a a>E S>E"), []string{"reserved-transition /transitions/workflow_start/workflow_end"}},
	"task id":                   {document(tasks{"job": {"stub"}}, "S>job job>E"), []string{"task-id /tasks/job"}},
	"task id of words":          {document(tasks{"first": {"stub"}}, "S>first first>E"), []string{"task-id-form /tasks/first"}},
	"task unknown":              {document(tasks{"a": {"stub", `/name="stubb"`}}, "S>a a>E"), []string{"unknown-task /tasks/a/name"}},
	"template unknown":          {document(tasks{"a": {"template", `name="t"`}}, "S>a a>E"), []string{"unknown-template /tasks/a/variables/incoming/name"}},
	"text like a reference":     {document(tasks{"a": {"stub", `response="$var.job"`}}, "S>a a>E"), []string{"text-reference /tasks/a/variables/incoming/response"}},
	"transformation missing":    {document(tasks{"a": {"transform", `tr_id=""`}}, "S>a a>E"), []string{"missing-incoming /tasks/a/variables/incoming/tr_id"}},
	"transformation unknown":    {document(tasks{"a": {"transform", `tr_id="t2"`}}, "S>a a>E"), []string{"unknown-transformation /tasks/a/variables/incoming/tr_id"}},
	"guard of anything":         {document(tasks{"a": {"stub", `/guard={"insert":1}`}, "b": {"stub", `/guard={"delete":1}`}}, "S>a a>b b>E"), []string{"guard /tasks/a/guard", "guard /tasks/a/guard/insert", "guard /tasks/b/guard"}},
	"parents":                   {document(tasks{"a": {"stub", `/parents=["b","x"]`}, "b": {"stub", `/parents=["a"]`}}, "S>a a>b b>E"), []string{"parents /tasks/a/parents/0", "parents /tasks/a/parents/1"}},
	"run on the moon":           {document(tasks{"a": {"stub", `/runOn="moon"`}}, "S>a a>E"), []string{"run-on /tasks/a/runOn"}},
	"sequence":                  {value.MustParse(`{"name":"x","steps":[{"task":"A","app":"Lab","method":"m","order":-3}]}`), []string{"sequence /steps/0/order"}},
	"unreachable":               {document(tasks{"a": {"stub"}, "b": {"stub"}}, "S>a a>E b>E"), []string{"unreachable /tasks/b"}},
	"unreachable end":           {document(tasks{"a": {"stub"}}, "S>a"), []string{"unreachable /tasks/workflow_end"}},
	"variable by binding":       {document(tasks{"a": {"stub", `/variables/outgoing/response="$var.job.y"`}, "b": {"stub", `response="$var.job.y"`}}, "S>a a>b b>E"), nil},
	"variable from a branch":    {document(tasks{"a": {"evaluation"}, "b": {"newVariable"}, "c": {"stub", `response="$var.job.x"`}}, "S>a a>b a-f>c b>c c>E"), []string{"variable-maybe /tasks/c/variables/incoming/response"}},
	"variable from a fork":      {document(tasks{"a": {"stub"}, "b": {"newVariable"}, "c": {"stub"}, "d": {"stub", `response="$var.job.x"`}}, "S>a a>b a>c b>d c>d d>E"), nil},
	"variable from a body":      {document(tasks{"a": {"forEach"}, "b": {"newVariable"}, "c": {"stub", `response="$var.job.x"`}}, "S>a a-l>b a>c c>E"), nil},
	"variable from both sides":  {document(tasks{"a": {"evaluation"}, "b": {"newVariable"}, "c": {"newVariable"}, "d": {"stub", `response="$var.job.x"`}}, "S>a a>b a-f>c b>d c>d d>E"), nil},
	"variable after a revert":   {document(tasks{"a": {"adapter", `/variables/error="$var.job.x"`}, "b": {"view", `btn_failure=""`}, "c": {"stub", `response="$var.job.x"`}}, "S>a a>c a-e>b b=s>a c>E"), []string{"variable-maybe /tasks/c/variables/incoming/response"}},
	"variable of an error":      {document(tasks{"a": {"adapter", `/variables/error="$var.job.x"`}, "b": {"view", `body="$var.job.x"`, `btn_failure=""`}}, "S>a a>E a-e>b b>E"), nil},
	"variable of no task":       {document(tasks{"a": {"stub", `response="$var.job.x"`}}, "S>a a>E"), []string{"variable-unset /tasks/a/variables/incoming/response"}},
	"variable pushed":           {document(tasks{"a": {"push", `job_variable="$var.job.list"`}, "b": {"push", `job_variable="x"`}}, "S>a a>b b>E"), []string{"variable-name /tasks/a/variables/incoming/job_variable", "variable-unset /tasks/b/variables/incoming/job_variable"}},
	"variable with a dot":       {document(tasks{"a": {"stub", `response="$var.job.a.b"`}}, "S>a a>E", `/inputSchema=`), []string{"variable-name /tasks/a/variables/incoming/response"}},
	"wrong location and type":   {document(tasks{"a": {"stub", `/location="Here"`, `/type="magic"`}}, "S>a a>E"), []string{"enum /tasks/a/location", "enum /tasks/a/type"}},
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, got := Load(tc.doc, testCatalog, known)
			if diff := cmp.Diff(tc.want, summary(got)); diff != "" {
				t.Errorf("problems (-want +got):\n%s\n%v", diff, got)
			}
			for _, p := range got {
				if p.Text == "" || !strings.HasSuffix(p.Text, ".") {
					t.Errorf("%s: %q is no sentence", p.Code, p.Text)
				}
				if tokens, _ := value.SplitPointer(p.Pointer); len(tokens) > 1 && p.Task == "" {
					t.Errorf("%s at %s names no task", p.Code, p.Pointer)
				}
			}
		})
	}
}

func TestChecks(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{"size": true, "required": true}
	for _, tc := range cases {
		_, ps := Load(tc.doc, testCatalog, known)
		for _, p := range ps {
			seen[p.Code] = true
			if want, ok := levels[p.Code]; !ok || p.Level != want {
				t.Errorf("problem %q has level %q; the table has %q", p.Code, p.Level, want)
			}
		}
	}
	list := Checks()
	if !slices.IsSortedFunc(list, func(a, b Check) int { return strings.Compare(a.Code, b.Code) }) {
		t.Error("the table of checks is not sorted")
	}
	for _, c := range list {
		if !seen[c.Code] {
			t.Errorf("no test case shows %q", c.Code)
		}
	}
}

func TestValidate_witness(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"cycle":                  "a b a",
		"dead end":               "workflow_start a",
		"exclusive branches":     "workflow_start a c",
		"later task":             "workflow_start a b",
		"variable from a branch": "workflow_start a c",
	} {
		_, ps := Load(cases[name].doc, testCatalog, known)
		if len(ps) != 1 || strings.Join(ps[0].Witness, " ") != want {
			t.Errorf("%s: problems %v, want one with the witness %q", name, ps, want)
		}
	}
}

func TestValidate_size(t *testing.T) {
	t.Parallel()
	var ts, links value.Members
	ts.Set(StartID, value.Object("name", value.String(StartID)))
	for i := range mostTasks + 1 {
		ts.Set(fmt.Sprintf("%x", i), value.Object("name", value.String("stub")))
	}
	_, ps := Load(value.Object("name", value.String("x"), "tasks", ts.Value(), "transitions", links.Value()), nil, nil)
	if !slices.Contains(summary(ps), "size /tasks") {
		t.Errorf("a workflow of %d tasks has no problem with its size", mostTasks+2)
	}
}

func TestValidate_corpus(t *testing.T) {
	t.Parallel()
	docs := corpusWorkflows(t)
	catalog := learned(docs)
	total := 0
	for name, doc := range docs {
		_, ps := Load(doc, catalog, nil)
		for _, p := range ps.Errors() {
			t.Errorf("%s: %s", name, p.Error())
		}
		total += len(ps)
	}
	// Every warning on the published workflows was looked at and is a defect of its document;
	// more than these means that a check has become too eager.
	if per := float64(total) / float64(len(docs)); per > 0.06 {
		t.Errorf("%d problems in %d real workflows", total, len(docs))
	}
}

func ExampleValidate() {
	doc := value.MustParse(`{"name": "Ask", "tasks": {
		"workflow_start": {"name": "workflow_start"},
		"a1": {"name": "ViewData", "app": "WorkFlowEngine", "location": "Application", "type": "manual", "description": "",
			"view": "/workflow_engine/task/ViewData",
			"variables": {"incoming": {"body": "$var.b2.result", "variables": "", "btn_success": "Yes", "btn_failure": ""}, "outgoing": {}}},
		"workflow_end": {"name": "workflow_end"}},
		"transitions": {"workflow_start": {"a1": {"type": "standard", "state": "success"}}, "a1": {"workflow_end": {"type": "standard", "state": "success"}}}}`)
	w, problems := Parse(doc)
	problems = append(problems, Validate(w, nil, nil)...)
	for _, p := range problems {
		fmt.Println(p.Level, p.Code, p.Pointer)
	}
	// Output:
	// error unknown-ref-task /tasks/a1/variables/incoming/body
}
