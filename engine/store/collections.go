package store

import "github.com/heddlehq/heddle/workflows/value"

// Names of the collections Heddle keeps.
const (
	Accounts         = "accounts"
	Adapters         = "adapters"
	Answers          = "answers"
	Audit            = "audit"
	Automations      = "automations"
	Batches          = "batches"
	CommandTemplates = "command_templates"
	Fires            = "fires"
	Forms            = "forms"
	Groups           = "groups"
	History          = "history"
	Jobs             = "jobs"
	Keys             = "keys"
	Links            = "links"
	Logs             = "logs"
	Manifests        = "manifests"
	Models           = "models"
	ModelTexts       = "model_texts"
	Payloads         = "payloads"
	Prebuilts        = "prebuilts"
	Profiles         = "profiles"
	Projects         = "projects"
	LateResults      = "late"
	Quarantine       = "quarantine"
	Revisions        = "revisions"
	Roles            = "roles"
	Secrets          = "secrets"
	Servers          = "servers"
	Sessions         = "sessions"
	Settings         = "settings"
	Tags             = "tags"
	Tasks            = "tasks"
	Templates        = "templates"
	Tokens           = "tokens"
	Transformations  = "transformations"
	Triggers         = "triggers"
	Workflows        = "workflows"
)

// Collections declares everything Heddle keeps. Adding a field, an index or a
// collection is a line here: drivers bring an existing store up to it when
// they open it, reading the values of old documents with
// [Collection.IndexOf].
var Collections = []Collection{
	{
		Name: Accounts,
		Fields: []Field{
			{Name: "username", Type: Text, Unique: true},
			{Name: "subject", Type: Text, Unique: true}, // at an identity provider
			{Name: "provenance", Type: Text},
			{Name: "inactive", Type: Bool},
		},
	},
	{
		Name: Adapters, // adapter instances; the identifier is the name that tasks give as adapter_id
		Fields: []Field{
			{Name: "name", Type: Text},
			{Name: "app", Type: Text},
			{Name: "pool", Type: Text},
			{Name: "enabled", Type: Bool},
			{Name: "description", Type: Text},
			{Name: "created", Type: Time},
			{Name: "lastUpdated", Type: Time},
		},
	},
	{
		Name:    Answers, // of calls that may be repeated, by account and key, until they are old
		Fields:  []Field{{Name: "expires", Type: Time}},
		Indexes: []Index{By("expires")},
	},
	{
		Name: Audit, // who did what, one document an entry; the identifier is the padded number
		Fields: []Field{
			{Name: "seq", Type: Number},
			{Name: "at", Type: Time},
			{Name: "who", Type: Text},
			{Name: "action", Type: Text},
			{Name: "target", Type: Text},
			{Name: "outcome", Type: Text},
		},
		Indexes: []Index{By("at"), By("who"), By("target")},
	},
	{
		Name: Automations,
		Fields: []Field{
			{Name: "name", Type: Text, Unique: true},
			{Name: "description", Type: Text},
			{Name: "componentType", Type: Text},
			{Name: "componentId", Type: Text},
			{Name: "componentName", Type: Text},
			{Name: "enabled", Type: Bool},
			{Name: "gbac.read", Type: Texts},
			{Name: "gbac.write", Type: Texts},
			{Name: "created", Type: Time},
			{Name: "createdBy", Type: Text},
			{Name: "lastUpdated", Type: Time},
			{Name: "lastUpdatedBy", Type: Text},
		},
	},
	{
		Name: Batches, // work on many jobs that goes on in the background
		Fields: []Field{
			{Name: "kind", Type: Text},
			{Name: "status", Type: Text},
			{Name: "by", Type: Text},
			{Name: "created", Type: Time},
			{Name: "live", Type: Bool}, // true until it has ended, then missing
		},
		Indexes: []Index{By("created"), Sparsely("live")},
	},
	{
		Name: CommandTemplates,
		Fields: []Field{
			{Name: "name", Type: Text},
			{Name: "project", Type: Text},
			{Name: "analytic", Type: Bool, From: isAnalytic},
		},
	},
	{
		Name: Fires, // what triggers fired, one document a run, until it is old
		Fields: []Field{
			{Name: "trigger", Type: Text, Prefix: true},
			{Name: "live", Type: Text},    // the trigger's id until the run has ended
			{Name: "look", Type: Time},    // when to look at a live run again
			{Name: "expires", Type: Time}, // when to forget it
		},
		Indexes: []Index{Sparsely("live"), Sparsely("look"), Sparsely("expires")},
	},
	{
		Name: Forms,
		Fields: []Field{
			{Name: "name", Type: Text},
			{Name: "project", Type: Text},
		},
	},
	{
		Name: Groups,
		Fields: []Field{
			{Name: "name", Type: Text, Unique: true},
			{Name: "provenance", Type: Text},
			{Name: "inactive", Type: Bool},
		},
	},
	{
		Name: History, // what happened to each job, one document a turn
		Fields: []Field{
			{Name: "job", Type: Text, Prefix: true},
			{Name: "seq", Type: Number},
			{Name: "at", Type: Time},
		},
		Inline: true,
	},
	{
		Name: Jobs,
		Fields: []Field{
			{Name: "name", Type: Text},
			{Name: "status", Type: Text},
			{Name: "type", Type: Text},
			{Name: "description", Type: Text},
			{Name: "workflow", Type: Text},
			{Name: "archived", Type: Bool}, // true or missing
			{Name: "metrics.start_time", Type: Time},
			{Name: "metrics.end_time", Type: Time},
			{Name: "metrics.user", Type: Text},
			{Name: "metrics.owner", Type: Text},
			{Name: "metrics.progress", Type: Number},
			{Name: "created", Type: Time},
			{Name: "created_by", Type: Text},
			{Name: "last_updated", Type: Time},
			{Name: "last_updated_by", Type: Text},
			{Name: "parent.job", Type: Text},
			{Name: "root", Type: Text, From: rootJob},
			{Name: "ancestors", Type: Texts},
			{Name: "groups", Type: Texts},
			{Name: "tags", Type: Texts},
			{Name: "watchers", Type: Texts},
			{Name: "uuid", Type: Text},
			{Name: "due", Type: Time}, // of the next timer; missing when there is none
			{Name: "live", Type: Bool, From: jobIsLive},
			{Name: "error", Type: Bool, From: jobHasError},
			{Name: "metrics.run_time", Type: Number, From: jobRunTime}, // of complete jobs
			{Name: "metrics.sla_missed", Type: Bool, From: jobMissedSLA},
		},
		Indexes: []Index{
			By("status", "metrics.start_time"),
			By("metrics.start_time"),
			By("name", "metrics.start_time"),
			By("ancestors"),
			Sparsely("metrics.end_time"),
			Sparsely("parent.job"),
			Sparsely("due"),
			Sparsely("live"),
			Sparsely("archived"),
		},
	},
	{
		Name:   Keys, // that values are encrypted with, each wrapped by a master key, which is elsewhere
		Fields: []Field{{Name: "created", Type: Time}, {Name: "master", Type: Text}},
	},
	{
		Name: LateResults, // of workers, that came when their jobs had no more use for them
		Fields: []Field{
			{Name: "job", Type: Text, Prefix: true},
			{Name: "at", Type: Time},
		},
	},
	{
		Name: Links, // by which a person decides a manual task without a login; the identifier is a hash
		Fields: []Field{
			{Name: "job", Type: Text},
			{Name: "expires", Type: Time},
		},
		Indexes: []Index{By("job"), By("expires")},
	},
	{
		Name:   Logs, // what workers wrote, one document an iteration
		Fields: []Field{{Name: "job", Type: Text, Prefix: true}},
	},
	{
		Name: Manifests, // of adapters in other processes; the identifier is the pool and the app
		Fields: []Field{
			{Name: "app", Type: Text},
			{Name: "pool", Type: Text},
			{Name: "seen", Type: Time},
		},
	},
	{
		Name: Models, // descriptions of APIs that were imported, without their texts
		Fields: []Field{
			{Name: "name", Type: Text},
			{Name: "version", Type: Text},
			{Name: "description", Type: Text},
			{Name: "created", Type: Time},
		},
	},
	{
		Name:   ModelTexts, // the texts, by their hashes
		Fields: []Field{{Name: "model", Type: Text}},
	},
	{
		Name: Payloads, // the texts of large values, by the root of the jobs that hold them; see package payload
		Fields: []Field{
			{Name: "job", Type: Text, Prefix: true},
			{Name: "bytes", Type: Number},
		},
	},
	{
		Name: Prebuilts,
		Fields: []Field{
			{Name: "name", Type: Text, Unique: true},
			{Name: "version", Type: Text},
		},
	},
	{
		Name: Profiles, // of Itential Platform, kept for those who carry them along
		Fields: []Field{
			{Name: "id", Type: Text, Unique: true},
			{Name: "active", Type: Bool},
		},
	},
	{
		Name: Projects,
		Fields: []Field{
			{Name: "name", Type: Text, Unique: true},
			{Name: "description", Type: Text},
			{Name: "iid", Type: Number},
			{Name: "created", Type: Time},
			{Name: "createdBy", Type: Text},
			{Name: "lastUpdated", Type: Time},
			{Name: "lastUpdatedBy", Type: Text},
		},
	},
	{
		Name: Quarantine, // events that crashed the turns of their jobs
		Fields: []Field{
			{Name: "job", Type: Text},
			{Name: "task", Type: Text},
			{Name: "type", Type: Text},
			{Name: "at", Type: Time},
		},
		Indexes: []Index{By("job"), By("at")},
	},
	{
		Name: Revisions, // workflow snapshots; the identifier is the hash of the content
		Fields: []Field{
			{Name: "name", Type: Text},
			{Name: "created", Type: Time},
		},
		Indexes: []Index{By("name")},
	},
	{
		Name: Roles,
		Fields: []Field{
			{Name: "name", Type: Text, Unique: true},
			{Name: "provenance", Type: Text},
		},
	},
	{
		Name: Secrets, // sealed; the identifier is the name
		Fields: []Field{
			{Name: "name", Type: Text},
			{Name: "lastUpdated", Type: Time},
		},
	},
	{
		Name: Servers, // the processes that run jobs, each with its last sign of life
		Fields: []Field{
			{Name: "name", Type: Text},
			{Name: "seen", Type: Time},
		},
	},
	{
		Name: Sessions,
		Fields: []Field{
			{Name: "account", Type: Text},
			{Name: "expires", Type: Time},
		},
		Indexes: []Index{By("account"), By("expires")},
	},
	{
		Name:   Settings,
		Fields: []Field{{Name: "name", Type: Text}},
	},
	{
		Name:   Tags,
		Fields: []Field{{Name: "name", Type: Text, Unique: true}},
	},
	{
		Name: Tasks, // task runs, one document an iteration
		Fields: []Field{
			{Name: "name", Type: Text},
			{Name: "app", Type: Text},
			{Name: "type", Type: Text},
			{Name: "view", Type: Text},
			{Name: "status", Type: Text},
			{Name: "job._id", Type: Text},
			{Name: "job.task", Type: Text},
			{Name: "job.name", Type: Text},
			{Name: "job.description", Type: Text},
			{Name: "job.root", Type: Text}, // the first of the job's ancestors
			{Name: "metrics.start_time", Type: Time},
			{Name: "metrics.end_time", Type: Time},
			{Name: "metrics.due_time", Type: Time},
			{Name: "escalated", Type: Bool}, // true or missing
			{Name: "metrics.finish_state", Type: Text},
			{Name: "metrics.run_time", Type: Number},
			{Name: "metrics.user", Type: Text},
			{Name: "metrics.owner", Type: Text},
			{Name: "groups", Type: Texts},
			{Name: "listens", Type: Text}, // source and topic of the event it waits for, see ListensTo
		},
		Indexes: []Index{
			By("job._id"),
			By("type", "status"),
			By("metrics.start_time"),
			Sparsely("listens"),
		},
	},
	{
		Name: Templates,
		Fields: []Field{
			{Name: "name", Type: Text},
			{Name: "type", Type: Text},
			{Name: "group", Type: Text},
			{Name: "project", Type: Text},
		},
	},
	{
		Name: Tokens, // that callers of the API show; what is stored of one is a hash
		Fields: []Field{
			{Name: "account", Type: Text},
			{Name: "username", Type: Text},
			{Name: "name", Type: Text},
			{Name: "created", Type: Time},
			{Name: "expires", Type: Time},
			{Name: "lastUsed", Type: Time},
		},
		Indexes: []Index{By("account")},
	},
	{
		Name: Transformations,
		Fields: []Field{
			{Name: "name", Type: Text},
			{Name: "description", Type: Text},
			{Name: "project", Type: Text},
		},
	},
	{
		Name: Triggers,
		Fields: []Field{
			{Name: "name", Type: Text},
			{Name: "description", Type: Text},
			{Name: "type", Type: Text},
			{Name: "enabled", Type: Bool},
			{Name: "actionId", Type: Text},
			{Name: "actionType", Type: Text},
			{Name: "routeName", Type: Text, Unique: true},
			{Name: "source", Type: Text},
			{Name: "topic", Type: Text},
			{Name: "lastExecuted", Type: Time},
			{Name: "nextRunAt", Type: Time},
			{Name: "created", Type: Time},
			{Name: "lastUpdated", Type: Time},
		},
		Indexes: []Index{By("actionId"), Sparsely("nextRunAt"), Sparsely("source", "topic")},
	},
	{
		Name: Workflows,
		Fields: []Field{
			{Name: "name", Type: Text, Unique: true},
			{Name: "type", Type: Text},
			{Name: "description", Type: Text},
			{Name: "created", Type: Time},
			{Name: "created_by", Type: Text},
			{Name: "last_updated", Type: Time},
			{Name: "last_updated_by", Type: Text},
			{Name: "tags", Type: Texts},
			{Name: "groups", Type: Texts},
			{Name: "project", Type: Text},
			{Name: "draft", Type: Bool},
			{Name: "uuid", Type: Text},
		},
	},
}

// ListensTo is the value of a task's field "listens" while it waits for an event.
func ListensTo(source, topic string) string { return source + "\n" + topic }

// rootJob returns the first ancestor: the job whose start led to this one.
func rootJob(doc value.Value) any {
	if first := doc.Get("ancestors").At(0); first.IsString() {
		return first.Text()
	}
	return nil
}

// jobIsLive returns true until the job has ended for good, then nothing, so
// that a sparse index holds the live jobs only.
func jobIsLive(doc value.Value) any {
	switch doc.Get("status").Text() {
	case "complete", "canceled":
		return nil
	}
	return true
}

func jobHasError(doc value.Value) any { return doc.Get("error").Len() > 0 }

// jobRunTime returns how long a complete job ran, in milliseconds.
func jobRunTime(doc value.Value) any {
	began, ok := doc.Get("startedAt").Int()
	ended, over := doc.Get("endedAt").Int()
	if !ok || !over || doc.Get("status").Text() != "complete" {
		return nil
	}
	return ended - began
}

func jobMissedSLA(doc value.Value) any {
	if doc.Get("breached").Truth() {
		return true
	}
	return nil
}

// isAnalytic tells templates that compare two runs of commands from those of one.
func isAnalytic(doc value.Value) any { return doc.Has("prepostCommands") }
