package builtin

import (
	"cmp"
	"slices"

	"github.com/heddlehq/heddle/workflows"
)

// The applications that Heddle's own tasks belong to.
const (
	workFlowEngine    = "WorkFlowEngine"
	operationsManager = "OperationsManager"
	mop               = "MOP"
	templateBuilder   = "TemplateBuilder"
	jsonForms         = "JsonForms"
)

// table is every task type, ordered by application and name.
var table = func() []Task {
	all := slices.Concat(
		arrayTasks, controlTasks, dataTasks, manualTasks, objectTasks, outsideTasks,
		templateTasks, textTasks, timeTasks, vendorTasks,
	)
	slices.SortFunc(all, func(a, b Task) int { return byName(a.Method, b.Method) })
	return all
}()

func byName(a, b workflows.Method) int {
	return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Name, b.Name))
}

// Tasks lists every task type, ordered by application and name.
func Tasks() []Task { return slices.Clone(table) }

// Lookup finds a task type. Applications that Heddle knows but does not have accept every
// method: the task is then one for an adapter.
func Lookup(app, name string) (Task, bool) {
	i, ok := slices.BinarySearchFunc(table, workflows.Method{App: app, Name: name}, func(t Task, m workflows.Method) int {
		return byName(t.Method, m)
	})
	if ok {
		return table[i], true
	}
	if name != "" && slices.Contains(vendorApps, app) {
		return Task{Method: vendorMethod(app, name)}, true
	}
	return Task{}, false
}

// Catalog is the table as a workflow catalog.
func Catalog() workflows.Catalog { return catalog{} }

type catalog struct{}

func (catalog) Method(app, name string) (workflows.Method, bool) {
	t, ok := Lookup(app, name)
	return t.Method, ok
}

func (catalog) Methods() []workflows.Method {
	out := make([]workflows.Method, len(table))
	for i, t := range table {
		out[i] = t.Method
	}
	return out
}
