package workflows

import (
	"regexp"
	"slices"

	"github.com/heddlehq/heddle/workflows/value"
)

// Operators lists what an evaluation can compare with.
func Operators() []string {
	return []string{"!=", "!contains", "<", "<=", "==", ">", ">=", "contains"}
}

// control checks the parameters of the tasks that the engine itself understands.
func (v *validator) control(t *Task, at string) {
	switch t.Name {
	case "evaluation":
		v.evaluation(t, at)
	case "merge", "deepmerge":
		v.merge(t, at)
	case "childJob":
		v.childJob(t, at)
	case "newVariable":
		v.plainVariable(t, "name", at)
	case "transformation":
		if t.Incoming.Get("tr_id").Text() == "" {
			v.add("missing-incoming", at+"/tr_id", "A transformation task needs \"tr_id\", the id of the transformation to run.")
		}
	case "push", "pop", "shift":
		v.plainVariable(t, "job_variable", at)
	}
}

// plainVariable checks a parameter that holds a job variable's bare name.
func (v *validator) plainVariable(t *Task, param, at string) {
	at += pointer(param)
	name := t.Incoming.Get(param)
	if _, ref := ParseRef(name.Text()); ref || !name.IsString() {
		v.add("variable-name", at, "%q of %s must be the plain name of a job variable.", param, t.Name)
		return
	}
	v.written(name.Text(), at)
}

func (v *validator) evaluation(t *Task, at string) {
	groups := t.Incoming.Get("evaluation_groups")
	at += "/evaluation_groups"
	if !groups.IsArray() {
		if _, ref := ParseRef(groups.Text()); !ref {
			v.add("type", at, "\"evaluation_groups\" must be an array, not %s.", article(groups.Kind()))
		}
		return
	}
	for i, g := range groups.Elements() {
		at := at + pointer(itoa(i), "evaluations")
		if !g.Get("evaluations").IsArray() {
			v.add("type", at, "\"evaluations\" must be an array, not %s.", article(g.Get("evaluations").Kind()))
			continue
		}
		for i, e := range g.Get("evaluations").Elements() {
			v.comparison(e, at+pointer(itoa(i)))
		}
	}
}

func (v *validator) comparison(e value.Value, at string) {
	op := e.Get("operator")
	if !slices.Contains(Operators(), op.Text()) {
		v.add("operator", at+"/operator", "The operator must be one of %q.", Operators())
	}
	v.operand(e.Get("operand_1"), "variable", "value", at+"/operand_1")
	v.operand(e.Get("operand_2"), "variable", "value", at+"/operand_2")
	for _, key := range []string{"operand_1", "operand_2"} {
		if o := e.Get(key); o.Get("query").Text() != "" {
			sibling := map[string]string{"operand_1": "query", "operand_2": "rightQuery"}[key]
			v.add("query-in-operand", at+pointer(key, "query"), "A query inside an operand is ignored; put it beside the operand as %q.", sibling)
		}
	}
	right := e.Get("operand_2")
	if op.Text() != "contains" && op.Text() != "!contains" || right.Get("task").Text() != StaticTask {
		return
	}
	pattern := right.Get("variable").Text()
	if _, err := regexp.Compile(pattern); err != nil && foreign.MatchString(pattern) {
		v.add("regex", at+"/operand_2/variable", "%s uses look-around or back-references, which are not supported; it is searched as plain text.", quote(pattern))
	}
}

// foreign matches what JavaScript's regular expressions have and linear-time ones do not.
var foreign = regexp.MustCompile(`\(\?<?[=!]|\\[1-9]|\\k<`)

// operand checks an object reference: a task, and under key what it reads.
func (v *validator) operand(o value.Value, key, other, at string) {
	task := o.Get("task")
	switch {
	case !o.IsObject() || task.Text() == "":
		v.add("operand", at, "A reference must be an object {\"task\", %q}.", key)
	case !o.Has(key) && o.Has(other):
		v.add("operand", at+pointer(other), "What is read stands under %q here, not under %q.", key, other)
	case task.Text() == StaticTask:
		if !o.Has(key) {
			v.add("static-value", at, "The static reference has no %q and stands for nothing.", key)
		}
	case o.Get(key).Text() == "":
		v.add("operand", at+pointer(key), "%q must name what is read from %s.", key, quote(task.Text()))
	}
}

func (v *validator) merge(t *Task, at string) {
	list := t.Incoming.Get("data_to_merge")
	at += "/data_to_merge"
	if !list.IsArray() {
		if _, ref := ParseRef(list.Text()); !ref {
			v.add("type", at, "\"data_to_merge\" must be an array, not %s.", article(list.Kind()))
		}
		return
	}
	keyed := 0
	for i, e := range list.Elements() {
		if e.Get("key").Text() != "" {
			keyed++
		}
		if at := at + pointer(itoa(i)); e.Has("value") {
			v.operand(e.Get("value"), "variable", "value", at+"/value")
		} else {
			v.add("operand", at, "An entry of a merge must be {\"key\", \"value\": {\"task\", \"variable\"}}.")
		}
	}
	if keyed != 0 && keyed != list.Len() {
		v.add("merge-keys", at, "Either all entries of a merge have a key, or none has.")
	}
}

func (v *validator) childJob(t *Task, at string) {
	if t.Incoming.Get("workflow").Text() == "" {
		v.add("unknown-workflow", at+"/workflow", "A childJob needs the name of the workflow to start.")
	}
	if l := t.Incoming.Get("loopType"); !l.IsNothing() && !slices.Contains([]string{"", "parallel", "sequential"}, l.Text()) {
		v.add("enum", at+"/loopType", "\"loopType\" must be \"\", \"parallel\" or \"sequential\".")
	}
	vars := t.Incoming.Get("variables")
	at += "/variables"
	if !vars.IsObject() {
		if _, ref := ParseRef(vars.Text()); !ref && !vars.IsNothing() && vars.Text() != "" {
			v.add("type", at, "\"variables\" must be an object, not %s.", article(vars.Kind()))
		}
		return
	}
	for name, o := range vars.Members() {
		v.variableName(name, at+pointer(name))
		v.operand(o, "value", "variable", at+pointer(name))
	}
}
