// Package registry knows which adapters there are: the instances that people store, which it
// serves with the kinds that ship, and the manifests of adapters in other processes. From
// both it makes the catalog of methods that workflows may call.
//
// Every server that shares a store has a registry over it. What one of them changes the
// others take up at once, or within [Options.Look] if the news is lost.
package registry
