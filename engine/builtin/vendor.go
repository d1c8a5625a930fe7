package builtin

import "github.com/heddlehq/heddle/workflows"

// vendorApps are applications of Itential Platform that Heddle does not bring along. Their
// methods are taken as they come, and wait for an adapter.
var vendorApps = []string{
	"AGManager", "AdminEssentials", "AgentSessionManager", "AppArtifacts", "AutomationCatalog", "AutomationStudio",
	"ConfigurationManager", "FormBuilder", "GatewayManager", "InventoryManager", "JsonForms", "Jst", "LifecycleManager",
	"MOP", "NSOManager", "OperationsManager", "ProfileCatalog", "Search", "ServiceCatalog", "ServiceCog",
	"ServiceManagement", "Tags", "TemplateBuilder", "WorkflowBuilder",
}

// remote marks an entry as one that needs an adapter.
func remote(m workflows.Method) workflows.Method {
	m.Remote, m.Open = true, true
	return m
}

// vendorMethod is the entry of a method of which nothing but the name is known.
func vendorMethod(app, name string) workflows.Method {
	m := automatic(app, name, name, "Runs "+name+" of "+app+".", nil, nil)
	return remote(of(app, m))
}

// vendor is a method whose signature is known from its use.
func vendor(app, group, name, summary string, in, out params) Task {
	return Task{Method: remote(of(app, automatic(group, name, name, summary, in, out)))}
}

var vendorTasks = []Task{
	vendor("AGManager", "AG Manager", "itential_cli", "Sends commands to devices.",
		params{may("_hosts", "", "the devices"), may("_groups", "", "groups of devices"), may("command", "", "the commands")},
		params{gives("stdout", "", "what the devices answered")}),
	vendor("AGManager", "AG Manager", "itential_netmiko_set_config", "Configures devices.",
		params{may("_hosts", "", "the devices"), may("_groups", "", "groups of devices"), may("lines", "", "the configuration")},
		params{gives("stdout", "", "what the devices answered")}),
	vendor("AppArtifacts", "AppArtifacts", "componentDiscovery", "Finds what a component needs.",
		params{may("entryPoint", "", "the component")}, params{gives("discovery", "", "what was found")}),
	vendor("ConfigurationManager", "ConfigurationManager", "backUpDevice", "Backs the configuration of a device up.",
		params{may("name", "", "the device"), may("options", "", "how")}, params{gives("status", "", "the result")}),
	vendor("ConfigurationManager", "ConfigurationManager", "getComplianceReportDetail", "Reads a compliance report.",
		params{may("reportId", "", "the report")}, params{gives("complianceReportDetail", "", "the report")}),
	vendor("ConfigurationManager", "ConfigurationManager", "getDeviceBackupById", "Reads a backup of a device's configuration.",
		params{may("id", "", "the backup")}, params{gives("backup", "", "the backup")}),
	vendor("ConfigurationManager", "ConfigurationManager", "getGoldenConfigTrees", "Lists the golden configurations.",
		nil, params{gives("goldenConfigTrees", "", "the list")}),
	vendor("ConfigurationManager", "ConfigurationManager", "runComplianceForTree", "Checks devices against a golden configuration.",
		params{may("treeId", "", "the golden configuration"), may("version", "", "its version"), may("variables", "", "its variables"), may("grading", "", "how to grade")},
		params{gives("runComplianceBatchResult", "", "the result")}),
	vendor(mop, mop, "RunCommandTemplate", "Runs a command template on devices.",
		params{may("template", "", "the template"), may("variables", "", "its variables"), may("devices", "", "the devices")},
		params{gives("mop_template_results", "", "the results")}),
	vendor("NSOManager", "NSOManager", "restAction", "Runs an action of NSO.", nil, nil),
	{Method: open(of(operationsManager, automatic(operationsManager, "getJobs", "getJobs", "Lists jobs.",
		params{may("queryParameters", "object", "which jobs")}, params{gives("jobs", "", "the jobs")}))), Outside: true},
	{Method: open(of(operationsManager, automatic(operationsManager, "getTasks", "getTasks", "Lists tasks of jobs.",
		params{may("queryParameters", "object", "which tasks")}, params{gives("tasks", "", "the tasks")}))), Outside: true},
}
