package builtin

import "github.com/heddlehq/heddle/workflows"

// manual is a task that a person works on a page of the user interface.
func manual(app, group, name, view, summary string, in, out params) Task {
	m := of(app, method(workflows.Manual, group, name, name, summary, in, out))
	m.View = view
	return Task{Method: m}
}

// shown are the parameters that all tasks share which show something to be agreed to.
func shown(more ...workflows.Param) params {
	return append(params{
		may("header", "string", "the heading"), may("message", "string", "the text above"),
	}, append(more,
		may("btn_success", "string", "the button for success"),
		may("btn_failure", "string", "the button for failure; none when empty"),
	)...)
}

var (
	bodyParam      = may("body", "", "what to show; <!name!> stands for a variable")
	variablesParam = may("variables", "", "the variables by name")
)

var manualTasks = []Task{
	manual("AppArtifacts", "AppArtifacts", "gatherInternalGET", "/app_artifacts/views/tasks/gatherInternalGET", "Reads an address of the platform as the person who works the task.",
		params{may("internalURL", "", "the address")}, params{gives("responseBody", "", "what it answers")}),
	manual(jsonForms, jsonForms, "RenderJsonSchema", "/json-forms/task/RenderJsonSchema", "Shows a form that is described by a JSON Schema.",
		params{
			may("jsonSchema", "", "the schema of the form"), may("uiSchema", "", "how it looks"), may("bindingSchema", "", "where its choices come from"),
			may("validationSchema", "", "what it must satisfy"), may("formData", "", "what it begins with"),
		},
		params{gives("export", "object", "what was filled in")}),
	manual(jsonForms, jsonForms, "ShowJsonForm", "/json-forms/task/ShowJsonForm", "Shows a form.",
		params{need("form_id", "string", "the form's id or name"), may("instance_data", "", "what it begins with")},
		params{gives("export", "object", "what was filled in")}),
	manual(mop, mop, "runTemplatesDiff", "/mop/task/runTemplatesDiff", "Shows how the results of two command templates differ.",
		params{may("pre", "", "the results before"), may("post", "", "the results after")}, nil),
	manual(mop, mop, "viewTemplateResults", "/mop/task/viewTemplateResults", "Shows the results of a command template.",
		params{may("mop_template_results", "", "the results")}, nil),
	{Method: open(manual("ServiceCog", "ServiceCog", "ViewTestService", "/service_cog/task/ViewTestService", "Shows what a service would change.", nil, nil).Method)},
	manual(workFlowEngine, groupTools, "ErrorHandling", "/workflow_engine/task/ErrorHandling", "Asks what to do about a problem.",
		params{
			oneOf(need("severity", "string", "how bad it is"), "fatal", "warning", "success"),
			need("status", "string", "what happened"), may("retry", "boolean", "whether to offer another try; yes unless given"),
		},
		params{gives("response", "string", "success, failure, retry or error")}),
	manual(workFlowEngine, groupTools, "ViewData", "/workflow_engine/task/ViewData", "Shows data to be agreed to.",
		shown(bodyParam, variablesParam), nil),
	manual(workFlowEngine, groupTools, "ViewDiff", "/workflow_engine/task/ViewDiff", "Shows how two values differ.",
		shown(
			may("label1", "string", "what the first value is called"), may("value1", "", "the first value"),
			may("label2", "string", "what the second value is called"), may("value2", "", "the second value"),
		), nil),
	manual(workFlowEngine, groupTools, "ViewHTML", "/workflow_engine/task/ViewHTML", "Shows a page to be agreed to.",
		shown(bodyParam, variablesParam), nil),
}
