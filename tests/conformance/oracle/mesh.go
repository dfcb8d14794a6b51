package main

import (
	"encoding/json"
	"time"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/config/kube/crdclient"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/networking/core"
	"istio.io/istio/pilot/pkg/serviceregistry"
	kubecontroller "istio.io/istio/pilot/pkg/serviceregistry/kube/controller"
	"istio.io/istio/pkg/config/constants"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/config/schema/gvk"
	istiokube "istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/test"
	"istio.io/istio/pkg/test/util/retry"
	"istio.io/istio/pkg/util/protomarshal"

	"google.golang.org/protobuf/types/known/wrapperspb"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const clusterID = constants.DefaultClusterName

// istiod is the part of a control plane that the oracle asks, filled with one case.
type istiod struct {
	*core.ConfigGenTest
	caseFile *caseFile
	objects  *apiServer
}

// lateUpdater passes endpoint updates on to an index that is made after the registries.
type lateUpdater struct {
	model.XDSUpdater
}

func meshConfigOf(facts *meshFacts) (*meshconfig.MeshConfig, error) {
	m := mesh.DefaultMeshConfig()
	m.RootNamespace = facts.RootNamespace
	m.EnableAutoMtls = wrapperspb.Bool(facts.EnableAutoMtls)
	m.TrustDomain = facts.ClusterDomain
	if facts.TrustDomain != "" {
		m.TrustDomain = facts.TrustDomain
	}
	m.TrustDomainAliases = facts.TrustDomainAliases
	if facts.PathNormalization != "" {
		number := meshconfig.MeshConfig_ProxyPathNormalization_NormalizationType_value[facts.PathNormalization]
		m.PathNormalization = &meshconfig.MeshConfig_ProxyPathNormalization{
			Normalization: meshconfig.MeshConfig_ProxyPathNormalization_NormalizationType(number),
		}
	}
	for i := range facts.ExtensionProviders {
		m.ExtensionProviders = append(m.ExtensionProviders, facts.ExtensionProviders[i].config())
	}
	if facts.DefaultDestinationRuleExportTo != nil {
		m.DefaultDestinationRuleExportTo = facts.DefaultDestinationRuleExportTo
	}
	for _, raw := range facts.DiscoverySelectors {
		selector := &meshconfig.LabelSelector{}
		if err := protomarshal.Unmarshal(raw, selector); err != nil {
			return nil, err
		}
		m.DiscoverySelectors = append(m.DiscoverySelectors, selector)
	}
	return m, nil
}

// config is an external authorizer as MeshConfig declares it.
func (p *authorizer) config() *meshconfig.MeshConfig_ExtensionProvider {
	out := &meshconfig.MeshConfig_ExtensionProvider{Name: p.Name}
	if p.Kind == "grpc" {
		out.Provider = &meshconfig.MeshConfig_ExtensionProvider_EnvoyExtAuthzGrpc{
			EnvoyExtAuthzGrpc: &meshconfig.MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationGrpcProvider{
				Service: p.Service, Port: p.Port,
			},
		}
		return out
	}
	out.Provider = &meshconfig.MeshConfig_ExtensionProvider_EnvoyExtAuthzHttp{
		EnvoyExtAuthzHttp: &meshconfig.MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationHttpProvider{
			Service: p.Service, Port: p.Port,
		},
	}
	return out
}

// newIstiod starts Istio's own Kubernetes registry, CRD client and ServiceEntry registry over a
// fake API server that holds the case, and waits until they have read it.
func newIstiod(t test.Failer, c *caseFile) (*istiod, error) {
	objects, err := newAPIServer(c)
	if err != nil {
		return nil, err
	}
	meshConfig, err := meshConfigOf(&c.Mesh)
	if err != nil {
		return nil, err
	}
	client := istiokube.NewFakeClient(objects.objects()...)
	updater := &lateUpdater{}
	registry, _ := kubecontroller.NewFakeControllerWithOptions(t, kubecontroller.FakeControllerOptions{
		Client:        client,
		ClusterID:     clusterID,
		DomainSuffix:  c.Mesh.ClusterDomain,
		XDSUpdater:    updater,
		MeshWatcher:   meshwatcher.NewTestWatcher(meshConfig),
		CRDs:          crdsOf(objects),
		SkipRun:       true,
		ConfigCluster: true,
	})
	// Registered after the registry, closed before it: it waits for its informers to end.
	stop := test.NewStop(t)
	store := crdclient.New(client, crdclient.Option{
		Revision:     c.Mesh.Revision,
		DomainSuffix: c.Mesh.ClusterDomain,
		KrtDebugger:  new(krt.DebugHandler),
	})
	generator := core.NewConfigGenTest(t, core.TestOptions{
		ConfigController:  store,
		MeshConfig:        meshConfig,
		ServiceRegistries: []serviceregistry.Instance{registry},
		ClusterID:         clusterID,
		XDSUpdater:        updater,
		SkipRun:           true,
	})
	env := generator.Env()
	updater.XDSUpdater = model.NewEndpointIndexUpdater(env.EndpointIndex)
	synced := store.HasSynced
	var startIndex func(<-chan struct{}) func() bool
	if c.Mesh.DataPlane == "ambient" {
		if startIndex, err = startAmbient(t, env, client, c, meshConfig, updater); err != nil {
			return nil, err
		}
	}
	generator.ServiceEntryRegistry.AppendWorkloadHandler(registry.WorkloadInstanceHandler)
	registry.AppendWorkloadHandler(generator.ServiceEntryRegistry.WorkloadInstanceHandler)
	if startIndex != nil {
		indexed := startIndex(stop)
		synced = func() bool { return store.HasSynced() && indexed() }
	}
	client.RunAndWait(stop)
	generator.Run()
	if err := env.InitNetworksManager(updater); err != nil {
		return nil, err
	}
	retry.UntilOrFail(t, synced, retry.Delay(time.Millisecond))
	env.PushContext().InitContext(env, nil, nil)
	return &istiod{ConfigGenTest: generator, caseFile: c, objects: objects}, nil
}

// crdsOf names the kinds that the case uses; informers of the others need not start.
func crdsOf(c *apiServer) []schema.GroupVersionResource {
	var out []schema.GroupVersionResource
	for kind := range c.kinds {
		if resource, known := gvk.ToGVR(kind); known {
			out = append(out, resource)
		}
	}
	return out
}

// proxy is the data plane of a workload as it introduces itself to istiod.
func (d *istiod) proxy(w *workload) *model.Proxy {
	labels := map[string]string{}
	for k, v := range w.Labels {
		labels[k] = v
	}
	kind := model.SidecarProxy
	if w.gateway() {
		kind = model.Router
	} else {
		labels["security.istio.io/tlsMode"] = model.IstioMutualTLSModeLabel
	}
	return d.SetupProxy(&model.Proxy{
		Type:            kind,
		ID:              w.Name + "." + w.Namespace,
		ConfigNamespace: w.Namespace,
		IPAddresses:     []string{w.IP},
		DNSDomain:       w.Namespace + ".svc." + d.caseFile.Mesh.ClusterDomain,
		Labels:          labels,
		Metadata: &model.NodeMetadata{
			Namespace:    w.Namespace,
			ClusterID:    clusterID,
			IstioVersion: "1.31.0",
			Labels:       labels,
			EnableHBONE:  model.StringBool(d.caseFile.Mesh.DataPlane == "ambient"),
		},
	})
}

func (d *istiod) workload(ref clientRef) *workload {
	for i := range d.caseFile.Workloads {
		w := &d.caseFile.Workloads[i]
		if w.Namespace == ref.Namespace && w.Name == ref.Name {
			return w
		}
	}
	return nil
}

func pretty(v any) string {
	out, _ := json.Marshal(v)
	return string(out)
}
