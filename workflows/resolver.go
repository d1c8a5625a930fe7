package workflows

import "strings"

// ComponentType names a kind of document that workflows refer to; the same words stand in
// project files.
type ComponentType string

// The kinds of documents that a workflow can refer to. Adapter is an adapter instance, which
// no project carries.
const (
	ComponentWorkflow         ComponentType = "workflow"
	ComponentTransformation   ComponentType = "transformation"
	ComponentForm             ComponentType = "jsonForm"
	ComponentTemplate         ComponentType = "template"
	ComponentCommandTemplate  ComponentType = "mopCommandTemplate"
	ComponentAnalyticTemplate ComponentType = "mopAnalyticTemplate"
	ComponentAdapter          ComponentType = "adapter"
)

// Resolver tells which documents exist beside the workflow that is checked.
type Resolver interface {
	// Exists tells whether a document of the type has the given id or exact name.
	Exists(t ComponentType, idOrName string) bool
}

// CandidateNames lists the names under which a document called name may be registered when
// the workflow called caller refers to it: the exact name, then the one with the caller's
// project prefix, then the one without any prefix.
func CandidateNames(caller, name string) []string {
	out := []string{name}
	project, plain := SplitName(name)
	if own, _ := SplitName(caller); own != "" && own != project {
		out = append(out, PrefixName(own, plain))
	}
	if project != "" {
		out = append(out, plain)
	}
	return out
}

// SplitName separates a registered name, "@<project id>: <name>", into its parts. The
// project is "" when the name has no prefix.
func SplitName(name string) (project, plain string) {
	rest, ok := strings.CutPrefix(name, "@")
	if !ok {
		return "", name
	}
	project, plain, ok = strings.Cut(rest, ": ")
	if !ok || !isHex(project, 24, 24) {
		return "", name
	}
	return project, plain
}

// PrefixName is the name under which a member of a project is registered.
func PrefixName(project, plain string) string { return "@" + project + ": " + plain }

func isHex(s string, least, most int) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
