// Functions that Debian 12 offers in a newer version than RHEL 9 has: the module asks for the older one, so
// that it loads with glibc 2.34 and GCC 11's libstdc++. The linker sends every call of F to __wrap_F
// (Packaging.cmake).

#include <condition_variable>
#include <mutex>

#define RELIEVO_WAIT _ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE
#define RELIEVO_STRING(x) #x
#define RELIEVO_OLD(name, symbol, version) __asm__(".symver " #name "," RELIEVO_STRING(symbol) "@" version)

extern "C" {
double relievo_old_hypot(double, double);
float relievo_old_hypotf(float, float);
void relievo_old_wait(std::condition_variable*, std::unique_lock<std::mutex>*);
double __wrap_hypot(double x, double y) { return relievo_old_hypot(x, y); }
float __wrap_hypotf(float x, float y) { return relievo_old_hypotf(x, y); }
void __wrap__ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE(std::condition_variable* self,
                                                                      std::unique_lock<std::mutex>* lock) {
  relievo_old_wait(self, lock);
}
}

RELIEVO_OLD(relievo_old_hypot, hypot, "GLIBC_2.2.5");
RELIEVO_OLD(relievo_old_hypotf, hypotf, "GLIBC_2.2.5");
RELIEVO_OLD(relievo_old_wait, RELIEVO_WAIT, "GLIBCXX_3.4.11");
