"""Tables: networks against gradient-boosted trees and other networks."""
