package auth

import "slices"

// Permission is the right to do one kind of thing.
type Permission string

// The permissions. Public and Known are conditions every caller, or every known caller,
// meets; the others are given by roles.
const (
	Public Permission = "public" // no session is needed
	Known  Permission = "known"  // any session will do

	ReadAccounts  Permission = "accounts:read"
	WriteAccounts Permission = "accounts:write"
	// WriteAdapters covers adapter instances and the secrets they log in with.
	WriteAdapters Permission = "adapters:write"
	// ReadAudit covers the audit log: who did what.
	ReadAudit       Permission = "audit:read"
	ReadAutomations Permission = "automations:read"
	// WriteAutomations covers automations and their triggers.
	WriteAutomations Permission = "automations:write"
	// ReadDocuments covers workflows, projects, transformations, templates and forms.
	ReadDocuments  Permission = "documents:read"
	WriteDocuments Permission = "documents:write"
	ReadHealth     Permission = "health:read"
	// OperateServers drains servers, repairs the store and plays quarantined events again.
	OperateServers Permission = "servers:operate"
	ReadJobs       Permission = "jobs:read"
	// StartJobs covers starts by name and by endpoint or manual trigger.
	StartJobs Permission = "jobs:start"
	// OperateJobs covers pause, resume, cancel, retry, continue and revert.
	OperateJobs Permission = "jobs:operate"
	// ApproveJobs accepts what a guard blocked.
	ApproveJobs Permission = "jobs:approve"
	// ChangeJobs changes variables of jobs, also for a task's next attempt.
	ChangeJobs Permission = "jobs:change"
	// RepairJobs gives results in a task's place and skips tasks.
	RepairJobs Permission = "jobs:repair"
	// RevealValues shows values that a decorator encrypts; everybody else sees a mask.
	RevealValues Permission = "values:reveal"
	// WorkTasks claims and finishes manual tasks.
	WorkTasks Permission = "tasks:work"
)

// Permissions lists every permission that roles give.
func Permissions() []Permission {
	return []Permission{
		ReadAccounts, WriteAccounts, WriteAdapters, ReadAudit, ReadAutomations, WriteAutomations, ReadDocuments, WriteDocuments, ReadHealth,
		OperateServers, ReadJobs, StartJobs, OperateJobs, ApproveJobs, ChangeJobs, RepairJobs, RevealValues, WorkTasks,
	}
}

// Role is a named set of permissions. Its name is also its id.
type Role struct {
	Name        string
	Description string
	Grants      []Permission
}

// AdminRole is the role that may do everything and sees everything, whatever its group.
const AdminRole = "admin"

var reads = []Permission{ReadAccounts, ReadAutomations, ReadDocuments, ReadHealth, ReadJobs}

func readsAnd(more ...Permission) []Permission { return append(slices.Clone(reads), more...) }

// Roles lists the roles there are, ordered by name. Several names mean the same rights where
// clients of Itential Platform and Heddle call them differently.
func Roles() []Role {
	engineering := readsAnd(WriteAutomations, WriteDocuments, StartJobs, OperateJobs, ChangeJobs, RepairJobs, WorkTasks)
	operations := readsAnd(StartJobs, OperateJobs, ChangeJobs, RepairJobs, WorkTasks)
	return []Role{
		{AdminRole, "May do everything.", Permissions()},
		{"apiread", "Reads through the API.", reads},
		{"apiwrite", "Reads, designs and operates through the API.", readsAnd(WriteAutomations, WriteDocuments, StartJobs, OperateJobs, ApproveJobs, ChangeJobs, RepairJobs, WorkTasks)},
		{"approver", "Works manual tasks and accepts what a guard blocked.", readsAnd(ApproveJobs, WorkTasks)},
		{"auditor", "Reads everything, the audit log included.", readsAnd(ReadAudit)},
		{"designer", "Designs workflows and operates their jobs.", engineering},
		{"engineering", "Designs workflows and operates their jobs.", engineering},
		{"operations", "Starts and operates jobs.", operations},
		{"operator", "Starts and operates jobs.", operations},
		{"support", "Reads through the API.", reads},
		{"viewer", "Reads documents and jobs.", []Permission{ReadAutomations, ReadDocuments, ReadHealth, ReadJobs}},
		{"worker", "An adapter's own account; it has no rights on the API.", nil},
	}
}

// RoleNamed finds a role.
func RoleNamed(name string) (Role, bool) {
	all := Roles()
	if i := slices.IndexFunc(all, func(r Role) bool { return r.Name == name }); i >= 0 {
		return all[i], true
	}
	return Role{}, false
}
