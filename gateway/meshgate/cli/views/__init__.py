"""The terminal views: tables, trees and answers."""
