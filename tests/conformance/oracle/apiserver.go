package main

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"istio.io/api/annotation"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/resource"
	"istio.io/istio/pkg/kube"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pilot/pkg/model"
)

// apiServer is what the API server and its controllers would hold for a case: the objects istiod
// watches, as typed objects, in the shape that defaulting and the endpoint controller give them.
type apiServer struct {
	namespaces []*corev1.Namespace
	services   []*corev1.Service
	pods       []*corev1.Pod
	slices     []*discoveryv1.EndpointSlice
	istio      []runtime.Object
	kinds      map[config.GroupVersionKind]bool
}

func (c *apiServer) objects() []runtime.Object {
	var out []runtime.Object
	for _, o := range c.namespaces {
		out = append(out, o)
	}
	for _, o := range c.services {
		out = append(out, o)
	}
	for _, o := range c.pods {
		out = append(out, o)
	}
	for _, o := range c.slices {
		out = append(out, o)
	}
	return append(out, c.istio...)
}

// accepted tells whether Istio's webhook would let an object in; a kind that is not Istio's is.
func accepted(object json.RawMessage) bool {
	_, _, err := crd.ParseInputs(string(object))
	return err == nil
}

func newAPIServer(c *caseFile) (*apiServer, error) {
	out := &apiServer{kinds: map[config.GroupVersionKind]bool{}}
	for _, raw := range c.Resources {
		if err := out.add(raw); err != nil {
			return nil, err
		}
	}
	for _, workloads := range [][]workload{c.Workloads, c.Hidden} {
		for i := range workloads {
			if w := &workloads[i]; w.Kind != "WorkloadEntry" {
				out.pods = append(out.pods, podOf(c, w))
			}
		}
	}
	for _, service := range out.services {
		out.slices = append(out.slices, slicesOf(service, out.pods)...)
	}
	return out, nil
}

func (c *apiServer) add(raw json.RawMessage) error {
	var head struct {
		metav1.TypeMeta `json:",inline"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return err
	}
	switch head.APIVersion + "/" + head.Kind {
	case "v1/Namespace":
		o := &corev1.Namespace{}
		c.namespaces = append(c.namespaces, o)
		return json.Unmarshal(raw, o)
	case "v1/Service":
		o := &corev1.Service{}
		c.services = append(c.services, o)
		if err := json.Unmarshal(raw, o); err != nil {
			return err
		}
		defaultService(o)
		return nil
	case "v1/Pod", "apps/v1/Deployment", "apps/v1/StatefulSet", "apps/v1/DaemonSet":
		return nil // their pods come from the workloads, which know the addresses
	}
	return c.addIstio(raw, head.TypeMeta)
}

// addIstio adds a mesh object under the version istiod watches: the versions of one kind have the
// same schema, and the API server converts between them.
func (c *apiServer) addIstio(raw json.RawMessage, head metav1.TypeMeta) error {
	gvk := head.GroupVersionKind()
	schema, known := collections.PilotGatewayAPI().FindByGroupVersionAliasesKind(resource.FromKubernetesGVK(&gvk))
	if !known {
		return fmt.Errorf("%s %s: no such kind", head.APIVersion, head.Kind)
	}
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		return err
	}
	watched := schema.GroupVersionKind()
	object["apiVersion"] = watched.GroupVersion()
	renamed, err := json.Marshal(object)
	if err != nil {
		return err
	}
	typed, _, err := kube.IstioCodec.UniversalDeserializer().Decode(renamed, nil, nil)
	if err != nil {
		return err
	}
	c.istio = append(c.istio, typed)
	c.kinds[watched] = true
	return nil
}

// defaultService does what the API server does to a Service on admission.
func defaultService(s *corev1.Service) {
	if s.Spec.Type == "" {
		s.Spec.Type = corev1.ServiceTypeClusterIP
	}
	for i := range s.Spec.Ports {
		port := &s.Spec.Ports[i]
		if port.Protocol == "" {
			port.Protocol = corev1.ProtocolTCP
		}
		if port.TargetPort == (intstr.IntOrString{}) {
			port.TargetPort = intstr.FromInt32(port.Port)
		}
	}
	if s.Spec.ClusterIP != "" && len(s.Spec.ClusterIPs) == 0 {
		s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
	}
}

// podOf is the one running pod of a workload, labelled as the injector would.
func podOf(c *caseFile, w *workload) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: w.Name, Namespace: w.Namespace, Labels: map[string]string{}},
		Status: corev1.PodStatus{
			Phase:  corev1.PodRunning,
			PodIP:  w.IP,
			PodIPs: []corev1.PodIP{{IP: w.IP}},
		},
	}
	for k, v := range w.Labels {
		pod.Labels[k] = v
	}
	if w.Sidecar {
		pod.Labels["security.istio.io/tlsMode"] = model.IstioMutualTLSModeLabel
		if c.Mesh.DataPlane == "ambient" {
			pod.Labels["networking.istio.io/tunnel"] = model.TunnelHTTP
		}
	}
	if w.ambient() {
		pod.Annotations = map[string]string{annotation.AmbientRedirection.Name: "enabled"}
	}
	ready := corev1.ConditionTrue
	if w.Ready != nil && !*w.Ready {
		ready = corev1.ConditionFalse
	}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
	container := corev1.Container{Name: "app"}
	for _, p := range w.Ports {
		container.Ports = append(container.Ports, corev1.ContainerPort{
			Name: p.Name, ContainerPort: int32(p.Port), Protocol: corev1.ProtocolTCP,
		})
	}
	pod.Spec.Containers = []corev1.Container{container}
	pod.Spec.ServiceAccountName = w.account()
	return pod
}

// slicesOf is what the endpoint slice controller makes of a Service: pods that resolve the named
// ports alike share a slice; a port whose name a pod lacks is left out for that pod.
func slicesOf(s *corev1.Service, pods []*corev1.Pod) []*discoveryv1.EndpointSlice {
	if len(s.Spec.Selector) == 0 || s.Spec.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	selector := labels.SelectorFromSet(s.Spec.Selector)
	byPorts := map[string]*discoveryv1.EndpointSlice{}
	for _, pod := range pods {
		if pod.Namespace != s.Namespace || !selector.Matches(labels.Set(pod.Labels)) {
			continue
		}
		ports, key := resolvePorts(s, pod)
		if len(ports) == 0 {
			continue
		}
		slice, found := byPorts[key]
		if !found {
			slice = &discoveryv1.EndpointSlice{
				AddressType: discoveryv1.AddressTypeIPv4,
				Ports:       ports,
			}
			byPorts[key] = slice
		}
		slice.Endpoints = append(slice.Endpoints, endpointOf(s, pod))
	}
	keys := make([]string, 0, len(byPorts))
	for key := range byPorts {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	var out []*discoveryv1.EndpointSlice
	for i, key := range keys {
		slice := byPorts[key]
		slice.ObjectMeta = metav1.ObjectMeta{
			Name:      fmt.Sprintf("%s-%d", s.Name, i),
			Namespace: s.Namespace,
			Labels:    map[string]string{discoveryv1.LabelServiceName: s.Name},
		}
		out = append(out, slice)
	}
	return out
}

func endpointOf(s *corev1.Service, pod *corev1.Pod) discoveryv1.Endpoint {
	ready := pod.Status.Conditions[0].Status == corev1.ConditionTrue
	shown := ready || s.Spec.PublishNotReadyAddresses
	terminating := false
	return discoveryv1.Endpoint{
		Addresses: []string{pod.Status.PodIP},
		Conditions: discoveryv1.EndpointConditions{
			Ready: &shown, Serving: &ready, Terminating: &terminating,
		},
		TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: pod.Name, Namespace: pod.Namespace},
	}
}

func resolvePorts(s *corev1.Service, pod *corev1.Pod) ([]discoveryv1.EndpointPort, string) {
	var ports []discoveryv1.EndpointPort
	var key strings.Builder
	for i := range s.Spec.Ports {
		port := &s.Spec.Ports[i]
		number, found := targetPort(port.TargetPort, pod)
		if !found {
			continue
		}
		ports = append(ports, discoveryv1.EndpointPort{
			Name: &port.Name, Protocol: &port.Protocol, Port: &number,
		})
		fmt.Fprintf(&key, "%s=%d,", port.Name, number)
	}
	return ports, key.String()
}

func targetPort(target intstr.IntOrString, pod *corev1.Pod) (int32, bool) {
	if target.Type == intstr.Int {
		return target.IntVal, true
	}
	for _, container := range pod.Spec.Containers {
		for _, port := range container.Ports {
			if port.Name == target.StrVal {
				return port.ContainerPort, true
			}
		}
	}
	return 0, false
}
