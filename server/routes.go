package server

import (
	"net/http"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/server/lifecycle"
	"github.com/heddlehq/heddle/workflows/value"
)

// route is one operation of the API.
type route struct {
	method, path string
	name         string // unique: the operation's id in the API's description
	may          auth.Permission
	handle       func(c *call) (value.Value, error)
}

const (
	get    = http.MethodGet
	post   = http.MethodPost
	put    = http.MethodPut
	patch  = http.MethodPatch
	remove = http.MethodDelete
)

// routes is every operation, by resource. A "*" takes all the rest of a path, slashes
// included.
func routes() []route {
	table := []route{
		// who calls
		{post, "/login", "login", auth.Public, login},
		{get, "/login/oidc", "beginOIDC", auth.Public, beginOIDC},
		{get, "/login/oidc/callback", "finishOIDC", auth.Public, finishOIDC},
		{post, "/logout", "logout", auth.Known, logout},
		{post, "/oauth/token", "getToken", auth.Public, oauthToken},
		{get, "/user/settings", "getUserSettings", auth.Known, userSettings},
		{get, "/whoami", "whoami", auth.Known, whoami},

		// accounts
		{get, "/authorization/accounts", "getAccounts", auth.ReadAccounts, listAccounts},
		{post, "/authorization/accounts", "createAccount", auth.WriteAccounts, createAccount},
		{get, "/authorization/accounts/:id", "getAccount", auth.ReadAccounts, getAccount},
		{patch, "/authorization/accounts/:id", "updateAccount", auth.WriteAccounts, changeAccount},
		{post, "/authorization/accounts/:id/secret", "rotateSecret", auth.WriteAccounts, rotateSecret},
		{remove, "/authorization/accounts/:id/sessions", "endSessions", auth.WriteAccounts, endSessions},
		{get, "/authorization/groups", "getGroups", auth.ReadAccounts, listGroups},
		{post, "/authorization/groups", "createGroup", auth.WriteAccounts, createGroup},
		{remove, "/authorization/groups/:id", "deleteGroup", auth.WriteAccounts, deleteGroup},
		{get, "/authorization/groups/:id", "getGroup", auth.ReadAccounts, getGroup},
		{get, "/authorization/methods", "getMethods", auth.ReadAccounts, listMethods},
		{get, "/authorization/roles", "getRoles", auth.ReadAccounts, listRoles},
		{get, "/authorization/views", "getViews", auth.ReadAccounts, listViews},

		// the server
		{get, "/applications", "getApplications", auth.ReadHealth, listApplications},
		{get, "/health/adapters", "getAdaptersHealth", auth.ReadHealth, healthAdapters},
		{get, "/health/applications", "getApplicationsHealth", auth.ReadHealth, healthApplications},
		{get, "/health/server", "getServerHealth", auth.ReadHealth, healthServer},
		{get, "/health/status", "getHealthStatus", auth.Public, healthStatus},
		{get, "/health/system", "getSystemHealth", auth.ReadHealth, healthSystem},
		{get, "/heddle/audit", "getAudit", auth.ReadAudit, listAudit},
		{get, "/heddle/audit/export", "exportAudit", auth.ReadAudit, exportAudit},
		{get, "/heddle/audit/verify", "verifyAudit", auth.ReadAudit, verifyAudit},
		{get, "/heddle/doctor", "checkStore", auth.ReadHealth, examine(false)},
		{post, "/heddle/doctor", "repairStore", auth.OperateServers, examine(true)},
		{get, "/heddle/keys", "getKeys", auth.ReadHealth, listKeys},
		{post, "/heddle/keys/rotate", "rotateKeys", auth.OperateServers, rotateKeys},
		{get, "/heddle/pprof/*", "getProfile", auth.OperateServers, profile},
		{get, "/heddle/quarantine", "getQuarantine", auth.ReadHealth, listQuarantine},
		{post, "/heddle/quarantine/:id/replay", "replayQuarantined", auth.OperateServers, replayQuarantine},
		{post, "/heddle/server/drain", "drainServer", auth.OperateServers, drainServer},
		{get, "/heddle/retention", "getRetention", auth.ReadHealth, getRetention},
		{put, "/heddle/retention", "setRetention", auth.OperateServers, setRetention},
		{get, "/heddle/servers", "getServers", auth.ReadHealth, listServers},
		{get, "/heddle/tokens", "getTokens", auth.Known, listTokens},
		{post, "/heddle/tokens", "createToken", auth.Known, createToken},
		{remove, "/heddle/tokens/:id", "revokeToken", auth.Known, revokeToken},
		{get, "/help/openapi", "getOpenAPI", auth.Known, openAPI},
		{get, "/prometheus_metrics", scrape, auth.ReadHealth, getMetrics},
		{get, "/version", "getVersion", auth.Public, version},

		// adapters and what they log in with
		{get, "/adapters", "getAdapters", auth.ReadHealth, listAdapters},
		{post, "/adapters", "createAdapter", auth.WriteAdapters, createAdapter},
		{post, "/adapters/import", "importAdapter", auth.WriteAdapters, createAdapter},
		{remove, "/adapters/:name", "deleteAdapter", auth.WriteAdapters, deleteAdapter},
		{get, "/adapters/:name", "getAdapter", auth.ReadHealth, getAdapter},
		{put, "/adapters/:name", "updateAdapter", auth.WriteAdapters, updateAdapter},
		{post, "/adapters/:name/check", "checkAdapter", auth.WriteAdapters, checkAdapter},
		{get, "/adapters/:name/export", "exportAdapter", auth.ReadHealth, exportAdapter},
		{put, "/adapters/:name/loglevel", "setAdapterLogLevel", auth.WriteAdapters, changeAdapter("Successfully changed the log level", changeLevel)},
		{put, "/adapters/:name/restart", "restartAdapter", auth.WriteAdapters, changeAdapter("Successfully restarted the adapter", renew)},
		{put, "/adapters/:name/start", "startAdapter", auth.WriteAdapters, changeAdapter("Successfully started the adapter", enable(true))},
		{put, "/adapters/:name/stop", "stopAdapter", auth.WriteAdapters, changeAdapter("Successfully stopped the adapter", enable(false))},
		{post, "/webhooks/:name", "receiveWebhook", auth.Public, receiveWebhook},
		{get, "/heddle/adapters/kinds", "getAdapterKinds", auth.ReadDocuments, listKinds},
		{get, "/integration-models", "getIntegrationModels", auth.ReadDocuments, listModels},
		{post, "/integration-models", "createIntegrationModel", auth.WriteAdapters, importModel(false)},
		{put, "/integration-models", "updateIntegrationModel", auth.WriteAdapters, importModel(true)},
		{post, "/integration-models/validation", "validateIntegrationModel", auth.ReadDocuments, validateModel},
		{remove, "/integration-models/:name", "deleteIntegrationModel", auth.WriteAdapters, deleteModel},
		{get, "/integration-models/:name", "getIntegrationModel", auth.ReadDocuments, getModel},
		{get, "/integration-models/:name/export", "exportIntegrationModel", auth.ReadDocuments, exportModel},
		{get, "/integrations", "getIntegrations", auth.ReadHealth, listIntegrations},
		{post, "/integrations", "createIntegration", auth.WriteAdapters, createAdapter},
		{remove, "/integrations/:name", "deleteIntegration", auth.WriteAdapters, deleteAdapter},
		{get, "/integrations/:name", "getIntegration", auth.ReadHealth, getAdapter},
		{put, "/integrations/:name", "updateIntegration", auth.WriteAdapters, updateAdapter},
		{get, "/heddle/secrets", "getSecrets", auth.WriteAdapters, listSecrets},
		{remove, "/heddle/secrets/:name", "deleteSecret", auth.WriteAdapters, deleteSecret},
		{put, "/heddle/secrets/:name", "setSecret", auth.WriteAdapters, setSecret},

		// workflows
		{post, "/automation-studio/automations", "createWorkflow", auth.WriteDocuments, createWorkflow},
		{post, "/automation-studio/automations/import", "importWorkflows", auth.WriteDocuments, importWorkflows},
		{remove, "/automation-studio/automations/:id", "deleteWorkflowById", auth.WriteDocuments, deleteWorkflowByID},
		{put, "/automation-studio/automations/:id", "updateWorkflow", auth.WriteDocuments, updateWorkflow},
		{get, "/automation-studio/workflows", "getWorkflows", auth.ReadDocuments, listWorkflows},
		{get, "/automation-studio/workflows/detailed/*", "getWorkflow", auth.ReadDocuments, detailedWorkflow},
		{post, "/automation-studio/workflows/validate", "validateWorkflow", auth.ReadDocuments, validateWorkflow},
		{post, "/workflow_builder/export", "exportWorkflow", auth.ReadDocuments, exportWorkflow},
		{post, "/workflow_builder/import", "importWorkflow", auth.WriteDocuments, importOne},
		{remove, "/workflow_builder/workflows/delete/*", "deleteWorkflow", auth.WriteDocuments, deleteWorkflow},
		{get, "/workflow_builder/workflows/:name/groups", "listWorkflowGroups", auth.ReadDocuments, workflowGroups},
		{post, "/workflow_builder/workflows/:name/groups", "addWorkflowGroup", auth.WriteDocuments, changeWorkflowGroups(addGroups)},
		{put, "/workflow_builder/workflows/:name/groups", "replaceWorkflowGroups", auth.WriteDocuments, changeWorkflowGroups(replaceGroups)},
		{remove, "/workflow_builder/workflows/:name/groups", "deleteWorkflowGroups", auth.WriteDocuments, changeWorkflowGroups(removeGroups)},
		{remove, "/workflow_builder/workflows/:name/groups/:group", "deleteWorkflowGroup", auth.WriteDocuments, changeWorkflowGroups(removeGroup)},
		{post, "/workflow_builder/workflows/rename", "renameWorkflow", auth.WriteDocuments, renameWorkflow},
		{post, "/workflow_builder/workflows/save", "saveWorkflow", auth.WriteDocuments, saveWorkflow},
		{post, "/workflow_builder/workflows/schemas", "getWorkflowSchemas", auth.ReadDocuments, workflowSchemas},
		{post, "/workflow_engine/findForwardPaths", "findForwardPaths", auth.ReadDocuments, forwardPaths},
		{post, "/workflow_engine/validateAllLoops", "validateLoops", auth.ReadDocuments, validateLoops},
		{get, "/workflow_engine/workflows/detailed/*", "getDetailedWorkflow", auth.ReadDocuments, detailedWorkflow},
		{post, "/workflow_engine/workflows/search", "searchWorkflows", auth.ReadDocuments, searchWorkflows},
		{post, "/workflow_engine/workflows/validate", "validateAsset", auth.ReadDocuments, validateWorkflow},
		{get, "/workflow_engine/workflows/variables/*", "getWorkflowVariables", auth.ReadDocuments, workflowVariables},

		// task types
		{get, "/automation-studio/apps/list", "getApps", auth.ReadDocuments, listApps},
		{get, "/automation-studio/locations/:location/packages/:package/tasks/:method", "getTaskType", auth.ReadDocuments, taskDetail},
		{post, "/automation-studio/multipleTaskDetails", "getTaskTypes", auth.ReadDocuments, taskDetails},
		{get, "/workflow_builder/tasks/list", "listTaskTypes", auth.ReadDocuments, listTaskTypes},
		{get, "/workflow_engine/locations/:location/packages/:package/tasks/:method", "getTaskSchema", auth.ReadDocuments, taskDetail},
		{post, "/workflow_engine/query", "runQuery", auth.ReadDocuments, tryTask("WorkFlowEngine", "query", value.Null, asIs)},
		{post, "/workflow_engine/runEvaluationGroup", "runEvaluationGroup", auth.ReadDocuments, tryTask("WorkFlowEngine", "evaluation", value.False, oneGroup)},
		{post, "/workflow_engine/runEvaluationGroups", "runEvaluationGroups", auth.ReadDocuments, tryTask("WorkFlowEngine", "evaluation", value.False, asIs)},

		// projects
		{get, "/automation-studio/projects", "getProjects", auth.ReadDocuments, listProjects},
		{post, "/automation-studio/projects", "createProject", auth.WriteDocuments, createProject},
		{post, "/automation-studio/projects/import", "importProject", auth.WriteDocuments, importProject},
		{remove, "/automation-studio/projects/:id", "deleteProject", auth.WriteDocuments, deleteProject},
		{get, "/automation-studio/projects/:id", "getProject", auth.ReadDocuments, getProject},
		{patch, "/automation-studio/projects/:id", "updateProject", auth.WriteDocuments, patchProject},
		{post, "/automation-studio/projects/:id/components/add", "addComponents", auth.WriteDocuments, addComponents},
		{get, "/automation-studio/projects/:id/export", "exportProject", auth.ReadDocuments, exportProject},
		{get, "/automation-studio/projects/:id/thumbnail", "getThumbnail", auth.ReadDocuments, getThumbnail},
		{post, "/automation-studio/projects/:id/thumbnail", "setThumbnail", auth.WriteDocuments, setThumbnail},
		{put, "/automation-studio/projects/:id/thumbnail", "updateThumbnail", auth.WriteDocuments, setThumbnail},

		// documents that tasks use
		{get, "/automation-studio/templates", "getTemplates", auth.ReadDocuments, templates.list},
		{post, "/automation-studio/templates", "createTemplate", auth.WriteDocuments, templates.create},
		{post, "/automation-studio/templates/import", "importTemplates", auth.WriteDocuments, importTemplates},
		{remove, "/automation-studio/templates/:id", "deleteTemplate", auth.WriteDocuments, templates.remove},
		{get, "/automation-studio/templates/:id", "getTemplate", auth.ReadDocuments, templates.get},
		{put, "/automation-studio/templates/:id", "updateTemplate", auth.WriteDocuments, templates.replace},
		{get, "/automation-studio/templates/:id/export", "exportTemplate", auth.ReadDocuments, templates.get},
		{remove, "/json-forms/forms", "deleteForms", auth.WriteDocuments, removeForms},
		{get, "/json-forms/forms", "getForms", auth.ReadDocuments, forms.list},
		{post, "/json-forms/forms", "createForm", auth.WriteDocuments, forms.create},
		{get, "/json-forms/forms/:id", "getForm", auth.ReadDocuments, forms.get},
		{put, "/json-forms/forms/:id", "updateForm", auth.WriteDocuments, forms.replace},
		{post, "/json-forms/import/forms", "importForms", auth.WriteDocuments, importForms},
		{post, "/mop/createAnalyticTemplate", "createAnalyticTemplate", auth.WriteDocuments, analyticTemplates.create},
		{post, "/mop/createTemplate", "createCommandTemplate", auth.WriteDocuments, commandTemplates.create},
		{post, "/mop/deleteAnalyticTemplate/*", "deleteAnalyticTemplate", auth.WriteDocuments, analyticTemplates.remove},
		{post, "/mop/deleteTemplate/*", "deleteCommandTemplate", auth.WriteDocuments, commandTemplates.remove},
		{post, "/mop/export", "exportMop", auth.ReadDocuments, exportMop},
		{post, "/mop/import", "importMop", auth.WriteDocuments, importMop},
		{get, "/mop/listATemplate/*", "getCommandTemplate", auth.ReadDocuments, commandTemplates.get},
		{get, "/mop/listAnAnalyticTemplate/*", "getAnalyticTemplate", auth.ReadDocuments, analyticTemplates.get},
		{get, "/mop/listAnalyticTemplates", "getAnalyticTemplates", auth.ReadDocuments, analyticTemplates.list},
		{get, "/mop/listTemplates", "getCommandTemplates", auth.ReadDocuments, commandTemplates.list},
		{post, "/mop/updateAnalyticTemplate/*", "updateAnalyticTemplate", auth.WriteDocuments, analyticTemplates.update},
		{put, "/mop/updateAnalyticTemplate/*", "replaceAnalyticTemplate", auth.WriteDocuments, analyticTemplates.update},
		{post, "/mop/updateTemplate/*", "updateCommandTemplate", auth.WriteDocuments, commandTemplates.update},
		{put, "/mop/updateTemplate/*", "replaceCommandTemplate", auth.WriteDocuments, commandTemplates.update},
		{get, "/prebuilts", "getPrebuilts", auth.ReadDocuments, listPrebuilts},
		{post, "/prebuilts/import", "importPrebuilt", auth.WriteDocuments, importPrebuilt},
		{remove, "/prebuilts/:id", "deletePrebuilt", auth.WriteDocuments, deletePrebuilt},
		{get, "/prebuilts/:id", "getPrebuilt", auth.ReadDocuments, getPrebuilt},
		{get, "/prebuilts/:id/export", "exportPrebuilt", auth.ReadDocuments, exportPrebuilt},
		{get, "/profiles", "getProfiles", auth.ReadDocuments, listProfiles},
		{post, "/profiles", "createProfile", auth.WriteDocuments, createProfile},
		{post, "/profiles/import", "importProfile", auth.WriteDocuments, createProfile},
		{remove, "/profiles/:id", "deleteProfile", auth.WriteDocuments, deleteProfile},
		{get, "/profiles/:id", "readProfile", auth.ReadDocuments, getProfile},
		{put, "/profiles/:id", "updateProfile", auth.WriteDocuments, updateProfile},
		{put, "/profiles/:id/active", "activateProfile", auth.WriteDocuments, activateProfile},
		{get, "/profiles/:id/export", "exportProfile", auth.ReadDocuments, getProfile},
		{get, "/tags/all", "getTags", auth.ReadDocuments, allTags},
		{post, "/tags/create", "createTag", auth.WriteDocuments, createTag},
		{post, "/tags/delete", "deleteTag", auth.WriteDocuments, deleteTag},
		{post, "/tags/get", "getTag", auth.ReadDocuments, getTag},
		{post, "/tags/getTagsByReference", "getTagsOfDocument", auth.ReadDocuments, tagsByReference},
		{get, "/transformations", "getTransformations", auth.ReadDocuments, transformations.list},
		{post, "/transformations", "createTransformation", auth.WriteDocuments, transformations.create},
		{post, "/transformations/import", "importTransformation", auth.WriteDocuments, transformations.importOne},
		{remove, "/transformations/:id", "deleteTransformation", auth.WriteDocuments, transformations.removeQuietly},
		{get, "/transformations/:id", "getTransformation", auth.ReadDocuments, transformations.get},
		{put, "/transformations/:id", "updateTransformation", auth.WriteDocuments, transformations.replace},

		// the older names of the workflow engine
		{post, "/workflow_engine/activate", "activateTasks", auth.OperateServers, switchWorker(false, true)},
		{get, "/workflow_engine/active", "isActive", auth.ReadHealth, engineActive},
		{post, "/workflow_engine/cancelJob", "cancelJob", auth.OperateJobs, plainVerb(engine.JobCanceled)},
		{post, "/workflow_engine/deactivate", "deactivateTasks", auth.OperateServers, switchWorker(false, false)},
		{post, "/workflow_engine/finishTask", "finishManualTask", auth.WorkTasks, finishVerb},
		{post, "/workflow_engine/fixJob", "fixJob", auth.OperateJobs, jumpVerb("errored_task", "revert_task")},
		{post, "/workflow_engine/getAssociatedJobs", "getAssociatedJobs", auth.ReadJobs, foundJobs(page.withMetadata, ofCaller)},
		{get, "/workflow_engine/getEntireJob/:id", "getEntireJob", auth.ReadJobs, bareJob},
		{get, "/workflow_engine/getJob/:id", "getBareJob", auth.ReadJobs, bareJob},
		{post, "/workflow_engine/getJobFromTaskQuery", "getJobsOfTasks", auth.ReadJobs, foundJobs(bareList, ofTasks)},
		{post, "/workflow_engine/getJobList/:status", "getJobList", auth.ReadJobs, foundJobs(page.withMetadata, ofStatus)},
		{get, "/workflow_engine/getJobShallow/:id", "getJobShallow", auth.ReadJobs, shallowJob},
		{post, "/workflow_engine/getTask", "findTask", auth.ReadJobs, firstTask},
		{get, "/workflow_engine/job/:id/details", "getJobDetails", auth.ReadJobs, bareJob},
		{get, "/workflow_engine/job/:id/output", "getJobOutput", auth.ReadJobs, jobOutput},
		{remove, "/workflow_engine/job/:id/watch", "unwatchOneJob", auth.ReadJobs, watch(false)},
		{put, "/workflow_engine/job/:id/watch", "watchOneJob", auth.ReadJobs, watch(true)},
		{get, "/workflow_engine/job/statuses/:id", "getTaskStatuses", auth.ReadJobs, taskStatuses},
		{post, "/workflow_engine/job/watchers/watch", "addWatchers", auth.OperateJobs, watchersVerb},
		{post, "/workflow_engine/jobWorker/activate", "activateJobs", auth.OperateServers, switchWorker(true, true)},
		{post, "/workflow_engine/jobWorker/deactivate", "deactivateJobs", auth.OperateServers, switchWorker(true, false)},
		{remove, "/workflow_engine/jobs/:id/groups", "deleteJobGroups", auth.OperateJobs, changeGroups(removeGroups)},
		{get, "/workflow_engine/jobs/:id/groups", "listJobGroups", auth.ReadJobs, jobGroups},
		{post, "/workflow_engine/jobs/:id/groups", "addJobGroupEntry", auth.OperateJobs, changeGroups(addGroups)},
		{put, "/workflow_engine/jobs/:id/groups", "setJobGroups", auth.OperateJobs, changeGroups(replaceGroups)},
		{remove, "/workflow_engine/jobs/:id/groups/:group", "deleteJobGroup", auth.OperateJobs, changeGroups(removeGroup)},
		{post, "/workflow_engine/jobs/find", "findJobs", auth.ReadJobs, foundJobs(bareList, nil)},
		{get, "/workflow_engine/jobs/metrics", "getJobMetrics", auth.ReadJobs, jobMetricsList},
		{post, "/workflow_engine/jobs/search", "searchJobs", auth.ReadJobs, searchJobs},
		{post, "/workflow_engine/pauseJob", "pauseJob", auth.OperateJobs, plainVerb(engine.JobPaused)},
		{post, "/workflow_engine/queryJobs", "queryJobs", auth.ReadJobs, foundJobs(bareList, nil)},
		{post, "/workflow_engine/queryTasksBrief", "queryTasksBrief", auth.ReadJobs, foundTasks(briefly)},
		{post, "/workflow_engine/resumeJob", "resumeJob", auth.OperateJobs, plainVerb(engine.JobResumed)},
		{post, "/workflow_engine/revertToTask", "revertToTask", auth.OperateJobs, jumpVerb("current_task", "target_task")},
		{post, "/workflow_engine/startJobWithOptions/*", "startJobWithOptions", auth.StartJobs, startWithOptions},
		{post, "/workflow_engine/tasks/claim", "claimManualTask", auth.WorkTasks, claimVerb},
		{get, "/workflow_engine/tasks/controller/job/:id/task/:task", "getTaskController", auth.WorkTasks, manualController},
		{get, "/workflow_engine/tasks/metrics", "getTaskMetrics", auth.ReadJobs, taskMetricsList},
		{post, "/workflow_engine/tasks/release", "releaseManualTask", auth.WorkTasks, releaseVerb},
		{post, "/workflow_engine/tasks/search", "searchTasks", auth.ReadJobs, foundTasks(page.withMetadata)},
		{get, "/workflow_engine/workers/status", "getWorkersStatus", auth.ReadHealth, workersStatus},
	}
	for _, prefix := range []string{"/operations-manager", "/operations_manager"} {
		for _, r := range operationsRoutes {
			r.path = prefix + r.path
			if prefix == "/operations_manager" {
				r.name += "Alias"
			}
			table = append(table, r)
		}
	}
	return table
}

// operationsRoutes are served below /operations-manager, which some clients write with an
// underscore.
var operationsRoutes = []route{
	// work on many jobs
	{get, "/batches", "getBatches", auth.ReadJobs, listBatches},
	{get, "/batches/:id", "getBatch", auth.ReadJobs, getBatch},
	{post, "/batches/:id/cancel", "cancelBatch", auth.OperateJobs, cancelBatch},

	// what happens
	{get, "/events", "getEvents", auth.ReadAutomations, listEvents},
	{get, "/events/stream", "streamJobs", auth.ReadJobs, streamJobs},

	// jobs
	{get, "/jobs", "getJobs", auth.ReadJobs, listJobs},
	{post, "/jobs/archive", "archiveJobs", auth.OperateJobs, batch(lifecycle.Archive, "archived")},
	{post, "/jobs/cancel", "cancelJobs", auth.OperateJobs, many("canceled", "cancel", engine.JobCanceled)},
	{post, "/jobs/delete", "deleteJobs", auth.RepairJobs, batch(lifecycle.Delete, "deleted")},
	{post, "/jobs/pause", "pauseJobs", auth.OperateJobs, many("paused", "pause", engine.JobPaused)},
	{post, "/jobs/resume", "resumeJobs", auth.OperateJobs, many("resumed", "resume", engine.JobResumed)},
	{post, "/jobs/start", "startJob", auth.StartJobs, startJob},
	{post, "/jobs/unarchive", "unarchiveJobs", auth.OperateJobs, batch(lifecycle.Restore, "restored")},
	{remove, "/jobs/:id", "deleteJob", auth.RepairJobs, deleteJob},
	{get, "/jobs/:id", "getJob", auth.ReadJobs, getJob},
	{post, "/jobs/:id/continue", "continueJob", auth.OperateJobs, continueJob},
	{get, "/jobs/:id/events/stream", "streamJob", auth.ReadJobs, streamJob},
	{get, "/jobs/:id/explain", "explainJob", auth.ReadJobs, explainJob},
	{remove, "/jobs/:id/groups", "removeJobGroups", auth.OperateJobs, changeGroups(removeGroups)},
	{post, "/jobs/:id/groups", "addJobGroup", auth.OperateJobs, changeGroups(addGroups)},
	{put, "/jobs/:id/groups", "replaceJobGroups", auth.OperateJobs, changeGroups(replaceGroups)},
	{remove, "/jobs/:id/groups/:group", "removeJobGroup", auth.OperateJobs, changeGroups(removeGroup)},
	{get, "/jobs/:id/history", "getJobHistory", auth.ReadJobs, jobHistory},
	{post, "/jobs/:id/repair", "repairJob", auth.ApproveJobs, repairJob},
	{post, "/jobs/:id/revert", "revertJob", auth.OperateJobs, revertJob},
	{post, "/jobs/:id/tasks/:task/approve", "approveTask", auth.ApproveJobs, accept(engine.TaskApproved, "Successfully approved task")},
	{post, "/jobs/:id/tasks/:task/complete", "completeTask", auth.RepairJobs, completeTask},
	{post, "/jobs/:id/tasks/:task/finish", "finishTask", auth.WorkTasks, finishTask},
	{get, "/jobs/:id/tasks/:task/manual-controller", "getManualTask", auth.WorkTasks, manualController},
	{post, "/jobs/:id/tasks/:task/repair", "repairTask", auth.ApproveJobs, accept(engine.TaskRepaired, "Successfully repaired task")},
	{post, "/jobs/:id/tasks/:task/retry", "retryTask", auth.OperateJobs, retryTask},
	{post, "/jobs/:id/tasks/:task/skip", "skipTask", auth.RepairJobs, onTaskWith(engine.TaskSkipped, "Successfully skipped task")},
	{post, "/jobs/:id/unwatch", "unwatchJob", auth.ReadJobs, watch(false)},
	{patch, "/jobs/:id/variables", "updateJobVariables", auth.ChangeJobs, patchVariables},
	{post, "/jobs/:id/watch", "watchJob", auth.ReadJobs, watch(true)},

	// what a job will do
	{get, "/workflows/:name/steps", "getSteps", auth.ReadDocuments, listSteps},

	// task runs
	{get, "/tasks", "getTasks", auth.ReadJobs, listTasks},
	{get, "/tasks/:id", "getTask", auth.ReadJobs, getTask},
	{post, "/tasks/:id/assign", "assignTask", auth.OperateJobs, own(engine.TaskAssigned, "Successfully assigned task")},
	{post, "/tasks/:id/claim", "claimTask", auth.WorkTasks, own(engine.TaskClaimed, "Successfully claimed task")},
	{get, "/tasks/:id/logs", "getTaskLogs", auth.ReadJobs, taskLogs},
	{post, "/tasks/:id/release", "releaseTask", auth.WorkTasks, own(engine.TaskReleased, "Successfully released task")},

	{get, "/worklist", "getWorklist", auth.WorkTasks, listWork},

	// automations and their triggers
	{get, "/automations", "getAutomations", auth.ReadAutomations, listAutomations},
	{post, "/automations", "createAutomation", auth.WriteAutomations, createAutomation},
	{put, "/automations", "importAutomations", auth.WriteAutomations, importAutomations},
	{remove, "/automations/:id", "deleteAutomation", auth.WriteAutomations, deleteAutomation},
	{get, "/automations/:id", "getAutomation", auth.ReadAutomations, getAutomation},
	{patch, "/automations/:id", "updateAutomation", auth.WriteAutomations, patchAutomation},
	{get, "/automations/:id/export", "exportAutomation", auth.ReadAutomations, exportAutomation},
	{get, "/triggers", "getTriggers", auth.ReadAutomations, listTriggers},
	{post, "/triggers", "createTrigger", auth.WriteAutomations, createTrigger},
	{put, "/triggers", "importTriggers", auth.WriteAutomations, importTriggers},
	{remove, "/triggers/action/:action", "deleteTriggersOfAutomation", auth.WriteAutomations, deleteTriggersOf},
	{post, "/triggers/endpoint/*", "runEndpointTrigger", auth.StartJobs, runEndpoint},
	{post, "/triggers/manual/:id/run", "runManualTrigger", auth.StartJobs, runManual},
	{remove, "/triggers/:id", "deleteTrigger", auth.WriteAutomations, deleteTrigger},
	{get, "/triggers/:id", "getTrigger", auth.ReadAutomations, getTrigger},
	{patch, "/triggers/:id", "updateTrigger", auth.WriteAutomations, patchTrigger},
	{get, "/triggers/:id/runs/next", "getNextRuns", auth.ReadAutomations, nextRuns},
	{get, "/triggers/:id/export", "exportTrigger", auth.ReadAutomations, exportTrigger},
}
