package builtin

import (
	"github.com/heddlehq/heddle/workflows"
)

// machineTask is a task that the machine itself runs.
func machineTask(m workflows.Method) Task { return Task{Method: m} }

var controlTasks = []Task{
	machineTask(operation("childJob", "Runs another workflow as a job of its own and waits for it.",
		params{
			may("task", "string", "filled by the engine"), need("workflow", "string", "the name of the workflow"),
			may("variables", "", "the child's job variables by name"), may("data_array", "", "an array of objects: one child is started for each"),
			may("transformation", "string", "the id of a transformation of each element"),
			oneOf(may("loopType", "string", "how the children of a data array are run"), "", "parallel", "sequential"),
			may("job_id", "string", "filled by the engine"),
		},
		params{gives("job_details", "object", "the child's job variables, or {loop} with those of every child")})),
	task(operation("decision", "Chooses the first of several targets whose conditions hold.",
		params{need("decisionArray", "array", "the targets: {conditions, target}")},
		params{gives("return_value", "", "the chosen target")}), decide),
	function(operation("deepmerge", "Merges objects and everything inside them into one.",
		params{need("data_to_merge", "array", "the objects: {key, value: {task, variable}}")},
		params{gives("merged_object", "object", "the merged object")}), deepMerge),
	task(operation("delay", "Waits.",
		params{need("time", "number", "how many seconds")},
		params{gives("time_in_milliseconds", "number", "the time waited")}), delay),
	task(operation("evaluation", "Compares values; the result chooses between success and failure.",
		params{
			may("all_true_flag", "boolean", "whether all groups must hold, or one of them is enough"),
			need("evaluation_groups", "array", "the groups of comparisons"), may("options", "object", "not used"),
		},
		params{gives("return_value", "boolean", "true")}), evaluate),
	machineTask(operation("eventListenerJob", "Waits for an event.",
		params{
			need("source", "string", "the event's source"), need("topic", "string", "the event's topic"),
			may("schema", "object", "the JSON Schema that the event's payload must satisfy"), may("job_id", "string", "filled by the engine"),
		},
		params{gives("result", "object", "the event's payload")})),
	task(operation("expression", "Computes a value with a formula.",
		params{
			need("expression", "string", "the formula"), may("variables", "object", "the formula's variables by name; the job variables unless given"),
		},
		params{gives("result", "", "what the formula gives")}), computeExpression),
	machineTask(operation("forEach", "Runs the tasks of its body once for each element of an array.",
		params{need("data_array", "array", "the array"), may("job_id", "string", "filled by the engine")},
		params{gives("current_item", "", "the element whose turn it is")})),
	function(operation("merge", "Puts values together into an object, or into an array when they have no keys.",
		params{need("data_to_merge", "array", "the values: {key, value: {task, variable}}")},
		params{gives("merged_object", "", "the object or array")}), merge),
	task(operation("modify", "Replaces the part of a value that a query names.",
		params{may("object_to_update", "", "the value to change"), may("query", "string", "what to replace; everything when empty"), may("new_value", "", "what to put in its place")},
		params{gives("updated_object", "", "the changed value")}), modify),
	task(operation("newVariable", "Sets a job variable.",
		params{need("name", "string", "the job variable"), may("value", "", "its value"), may("job_id", "string", "filled by the engine")},
		params{gives("value", "", "its value")}), newVariable),
	task(operation("pop", "Removes the last element of an array in a job variable.",
		listParams(false),
		params{gives("popped_item", "", "the element"), gives("job_variable_value", "", "the element")}), take("popped_item", false)),
	task(operation("push", "Adds an element to the end of an array in a job variable.",
		listParams(true),
		params{gives("job_variable_value", "array", "the array")}), push),
	task(operation("pushToArray", "Adds an element to the end of an array in a job variable.",
		listParams(true),
		params{gives("job_variable_value", "array", "the array")}), push),
	task(operation("query", "Takes the part of a value that a query names; nothing found is a failure.",
		params{
			may("pass_on_null", "boolean", "whether to give the whole value when nothing is found"),
			may("query", "string", "the query"), may("obj", "", "the value to search"), may("job_id", "string", "filled by the engine"),
		},
		params{gives("return_data", "", "what was found")}), query),
	task(of(mop, automatic("MOP", "reattempt", "reattempt", "Waits and succeeds a number of times, then ends in error: a bounded way back.",
		params{
			may("job_id", "string", "filled by the engine"), need("attemptID", "string", "which attempts are counted together"),
			need("minutes", "number", "how long to wait"), need("attempts", "number", "how often to succeed"),
		},
		params{gives("response", "string", "which attempt this was")})), reattempt),
	{Method: remote(operation("runAction", "Runs an action of a resource.", nil, nil))},
	task(operation("shift", "Removes the first element of an array in a job variable.",
		listParams(false),
		params{gives("shifted_item", "", "the element"), gives("job_variable_value", "", "the element")}), take("shifted_item", true)),
	task(automatic("Tools", "stub", "stub", "Pretends to be a task.",
		params{
			oneOf(may("type", "string", "how to end"), "success", "error", ""),
			may("delay", "number", "how many seconds to take"), may("response", "", "what to give"),
		},
		params{gives("response", "", "the response")}), stub),
	task(open(operation("transformation", "Runs a transformation; its outputs are those of the document.",
		params{
			need("tr_id", "string", "the transformation's id or name"), may("variableMap", "object", "the incoming values by name"),
			may("options", "object", "extractOutput, validateIncoming, revertToDefaultValue"),
		}, nil)), transform),
	task(operation("updateJobDescription", "Changes the description of the job.",
		params{need("description", "string", "the new description"), may("job_id", "string", "filled by the engine")}, nil), describe),
}

func listParams(item bool) params {
	out := params{need("job_variable", "string", "the job variable that holds the array"), may("job_id", "string", "filled by the engine")}
	if item {
		out = append(out, may("item_to_push", "", "the element to add"))
	}
	return out
}
