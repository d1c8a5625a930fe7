package workflows

// Check documents one code of a [Problem]: how bad it is and what it tells.
type Check struct {
	Code    string
	Level   Level
	Meaning string
}

// Checks lists every code that [Parse] and [Validate] can give for a workflow, by name.
func Checks() []Check { return append([]Check(nil), checks...) }

var checks = []Check{
	{"actor", Error, "the actor is unknown, forbidden for the task, or no manual task before it"},
	{"adapter-id", Error, "an adapter task does not say which adapter it calls"},
	{"binding", Error, "an output or error is bound to something other than a job variable"},
	{"body-crossing", Error, "a transition leads into or out of a forEach body"},
	{"built-in-variable", Error, "a task writes a job variable that the engine owns"},
	{"canvas-name", Warning, "the name on the canvas is not the method's"},
	{"continue-on-error", Error, "a task goes on after errors although its method does not allow it"},
	{"cycle", Error, "standard transitions form a circle"},
	{"dangling", Error, "a transition leads to a task that does not exist"},
	{"dead-end", Warning, "a task can finish in a state that leaves no path to the end"},
	{"dead-transition", Warning, "a transition waits for a state in which its task never finishes"},
	{"decorator", Error, "a decorator is malformed"},
	{"decorator-target", Warning, "a decorator points at nothing"},
	{"description", Warning, "a task has no description, which Itential Platform demands"},
	{"enum", Error, "a value is not one of a closed set"},
	{"guard", Error, "a guard's limits are malformed, or the method never asks a guard"},
	{"join-never", Warning, "no transition into a task can ever be chosen"},
	{"literal-enum", Warning, "a literal is not one of the values the parameter knows"},
	{"literal-type", Warning, "a literal is not of the parameter's type"},
	{"loop-count", Error, "a forEach has more than one loop transition"},
	{"loop-missing", Warning, "a forEach has no loop transition and so no body"},
	{"loop-source", Error, "a loop transition does not come from a forEach, leads to the end, or is a revert"},
	{"manual", Error, "a manual task lacks what it needs to be shown"},
	{"merge-keys", Error, "a merge mixes entries with and without a key"},
	{"missing-incoming", Error, "a required parameter is not there"},
	{"name", Error, "the workflow's name is not allowed"},
	{"nested-reference", Warning, "a reference inside a literal is text and is not resolved"},
	{"never-available", Error, "an output is read that cannot exist when the task starts"},
	{"never-set", Warning, "an output is read that its task does not set when this task runs after it"},
	{"operand", Error, "an object reference is malformed: \"value\" and \"variable\" mixed up, or no task"},
	{"operator", Error, "an evaluation's operator is unknown"},
	{"order", Warning, "an output is read from a task that may or may not be done by then"},
	{"parents", Error, "a task's parent does not exist or does not come before it"},
	{"query-in-operand", Warning, "a query stands inside an operand, where it is ignored"},
	{"reference-type", Warning, "an output's type never fits the parameter that reads it"},
	{"regex", Warning, "a regular expression uses what Heddle's engine does not know and is searched as text"},
	{"required", Error, "a member that must be there is missing"},
	{"reserved-transition", Error, "a transition of the start or the end that cannot be"},
	{"revert-target", Error, "a revert does not lead back to a task before it"},
	{"run-on", Error, "a task names neither the server nor a pool of agents to run on"},
	{"self-transition", Error, "a task leads to itself"},
	{"sequence", Error, "the steps of a sequence are malformed"},
	{"size", Error, "the workflow has more tasks than one may have"},
	{"static-value", Warning, "a static reference has no value"},
	{"task-id", Error, "a task id that references cannot name"},
	{"task-id-form", Warning, "a task id that is not 1 to 4 hexadecimal digits"},
	{"text-reference", Warning, "a text looks like a reference but is not one"},
	{"type", Error, "a member is of the wrong JSON type"},
	{"unknown-adapter", Warning, "the adapter that a task names does not exist"},
	{"unknown-form", Warning, "the form that a task shows does not exist"},
	{"unknown-incoming", Error, "the task takes no such parameter"},
	{"unknown-outgoing", Error, "the task gives no such output to bind"},
	{"unknown-output", Error, "an output is read that the task does not give"},
	{"unknown-ref-task", Error, "a reference names a task that does not exist"},
	{"unknown-task", Error, "the application has no such task"},
	{"unknown-template", Warning, "the template that a task uses does not exist"},
	{"unknown-transformation", Warning, "the transformation that a task runs does not exist"},
	{"unknown-workflow", Warning, "the workflow that a childJob starts does not exist"},
	{"unlisted-output", Warning, "an output is read that the task's document does not list"},
	{"unreachable", Error, "no standard path leads from the start to the task"},
	{"variable-maybe", Warning, "a job variable is read that is no input and that no task sets on some path"},
	{"variable-name", Error, "a job variable's name is not allowed"},
	{"variable-unset", Warning, "a job variable is read that is no input and that no task can have set"},
}

var levels = func() map[string]Level {
	m := make(map[string]Level, len(checks))
	for _, c := range checks {
		m[c.Code] = c.Level
	}
	return m
}()
